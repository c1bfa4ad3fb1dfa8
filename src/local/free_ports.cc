#include "local/free_ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include "local/files.h"

namespace tdn::local {
namespace {

constexpr std::string_view kEphemeralFile = "/proc/sys/net/ipv4/ip_local_port_range";
// Below are the usual ports of services.
constexpr std::uint16_t kLowest = 10'240;
constexpr std::uint16_t kHighest = 65'535;
constexpr int kFewest = 1'000;
constexpr int kTries = 1'000;

Result<std::unique_ptr<io::Listener>> try_port(io::Network& network, std::uint16_t port) {
  return network.listen(*io::Address::parse(fmt::format("127.0.0.1:{}", port)), false);
}

std::optional<PortRange> parse_range(std::string_view text) {
  PortRange range;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, range.first);
  const char* rest = first.ptr;
  while (rest != end && (*rest == ' ' || *rest == '\t')) {
    ++rest;
  }
  const auto last = std::from_chars(rest, end, range.last);
  const bool good = first.ec == std::errc() && last.ec == std::errc() && range.first <= range.last;
  return good ? std::optional(range) : std::nullopt;
}

}  // namespace

PortRange range_beside(std::string_view ephemeral) {
  const std::optional<PortRange> taken = parse_range(ephemeral);
  if (!taken) {
    return {};
  }
  if (taken->first >= kLowest + kFewest) {
    return {.first = kLowest, .last = static_cast<std::uint16_t>(taken->first - 1)};
  }
  if (taken->last <= kHighest - kFewest) {
    const int above = taken->last + 1;
    return {.first = static_cast<std::uint16_t>(std::max<int>(above, kLowest)), .last = kHighest};
  }
  return {};
}

FreePorts::FreePorts(io::Network& network, Random& random) : network_(network), random_(random) {
  if (const Result<std::string> text = read_text(std::string(kEphemeralFile))) {
    range_ = range_beside(*text);
  }
}

Result<std::uint16_t> FreePorts::choose(std::uint16_t wanted) {
  if (is_free(wanted) && chosen_.insert(wanted).second) {
    return wanted;
  }
  for (int tries = 0; range_.first != 0 && tries < kTries; ++tries) {
    const std::uint64_t count = static_cast<std::uint64_t>(range_.last - range_.first) + 1;
    const auto port = static_cast<std::uint16_t>(range_.first + random_.below(count));
    if (is_free(port) && chosen_.insert(port).second) {
      return port;
    }
  }
  while (true) {
    TDN_TRY(const std::unique_ptr<io::Listener> any, try_port(network_, 0));
    if (chosen_.insert(any->address().port).second) {
      return any->address().port;
    }
  }
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
