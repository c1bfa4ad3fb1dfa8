#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "io/network.h"

namespace tdn::io {

bool Address::is_loopback() const {
  if (!is_v6) {
    return ip[0] == 127;
  }
  return ip[15] == 1 && std::all_of(ip.begin(), ip.end() - 1, [](auto byte) { return byte == 0; });
}

Result<Address> Address::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::kInvalid,
                fmt::format("'{}' is not an address; write 127.0.0.1:8080 or [::1]:8080", text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return bad();
  }
  Address address;
  std::string host(text.substr(0, colon));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    address.is_v6 = true;
    host = host.substr(1, host.size() - 2);
  }
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size()) {
    return bad();
  }
  if (inet_pton(address.is_v6 ? AF_INET6 : AF_INET, host.c_str(), address.ip.data()) != 1) {
    return bad();
  }
  return address;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.is_v6 ? AF_INET6 : AF_INET, address.ip.data(), text.data(), text.size());
  return fmt::format(fmt::runtime(address.is_v6 ? "[{}]:{}" : "{}:{}"), text.data(), address.port);
}

}  // namespace tdn::io
