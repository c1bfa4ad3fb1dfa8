#include "local/free_ports.h"

#include <fmt/format.h>

namespace tdn::local {
namespace {

Result<std::unique_ptr<io::Listener>> try_port(io::Network& network, std::uint16_t port) {
  return network.listen(*io::Address::parse(fmt::format("127.0.0.1:{}", port)), false);
}

}  // namespace

Result<std::uint16_t> FreePorts::take(std::uint16_t wanted) {
  if (wanted != 0) {
    if (Result<std::unique_ptr<io::Listener>> listener = try_port(network_, wanted)) {
      held_.push_back(*std::move(listener));
      return wanted;
    }
  }
  TDN_TRY(std::unique_ptr<io::Listener> listener, try_port(network_, 0));
  const std::uint16_t port = listener->address().port;
  held_.push_back(std::move(listener));
  return port;
}

Result<void> FreePorts::require(std::uint16_t port, std::string_view purpose) {
  const auto listener = try_port(network_, port);
  if (listener) {
    return {};
  }
  const std::string& why = listener.error().detail();
  return fail(Code::kUnavailable,
              fmt::format("port {}, for the {}: {}; stop what uses it, or give --ports auto or "
                          "another first port",
                          port, purpose, why.substr(0, why.find(';'))));
}

bool FreePorts::is_free(std::uint16_t port) const {
  return port != 0 && try_port(network_, port).has_value();
}

}  // namespace tdn::local
