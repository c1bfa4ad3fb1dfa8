// Ports for parts that others must know of before they start: taken from the system, and held until
// those parts are started, so that nobody else gets them meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/network.h"

namespace tdn::local {

class FreePorts {
 public:
  // Borrowed.
  explicit FreePorts(io::Network& network) : network_(network) {}

  // `wanted` if it is not 0 and free, else any free one; held. kUnavailable if there is none.
  [[nodiscard]] Result<std::uint16_t> take(std::uint16_t wanted);
  // Fails, naming the port, its purpose and the remedy, if it is not free.
  [[nodiscard]] Result<void> require(std::uint16_t port, std::string_view purpose);
  [[nodiscard]] bool is_free(std::uint16_t port) const;
  // Lets go of all that are held.
  void release() { held_.clear(); }

 private:
  io::Network& network_;
  std::vector<std::unique_ptr<io::Listener>> held_;
};

}  // namespace tdn::local
