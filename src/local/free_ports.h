// Ports for parts that others must know of before they start, and that they get again whenever they
// are started anew. So none of those that the system hands out to connections
// (ip_local_port_range): any program's connection would keep a part that was killed from coming
// back.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "io/network.h"

namespace tdn::local {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  // included

  bool operator==(const PortRange&) const = default;
};

// Where to choose from if the system hands out those of `ephemeral`, which is the text of
// ip_local_port_range; {0, 0}, any port, where that leaves too few.
[[nodiscard]] PortRange range_beside(std::string_view ephemeral);

class FreePorts {
 public:
  // Borrowed.
  FreePorts(io::Network& network, Random& random);

  // `wanted` if it is not 0 and free, else a free one that was not chosen before. kUnavailable if
  // there is none. Nobody holds it: it is free until its part listens on it.
  [[nodiscard]] Result<std::uint16_t> choose(std::uint16_t wanted);
  // Fails, naming the port, its purpose and the remedy, if it is not free.
  [[nodiscard]] Result<void> require(std::uint16_t port, std::string_view purpose);
  [[nodiscard]] bool is_free(std::uint16_t port) const;

 private:
  io::Network& network_;
  Random& random_;
  PortRange range_;
  std::set<std::uint16_t> chosen_;
};

}  // namespace tdn::local
