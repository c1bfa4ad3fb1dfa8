// Network time as control keeps it (FORMATS §9): milliseconds that all edges count alike. It goes
// on with the machine's boot clock, so a wall clock that is set while control runs moves nothing.
//
// It begins with the wall clock. If an edge that has the network's time from before says another
// one within `kJoining` of the start, control was started anew with another wall clock than it had:
// the edge's is taken, once, and time goes on for all edges as it went before. Later what one edge
// says changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "protocol/network_time.h"

namespace tdn::control {

class NetworkClock {
 public:
  // Longer than edges wait before they try control again.
  static constexpr Duration kJoining = std::chrono::minutes(1);
  // Less is what a message takes and what clocks drift.
  static constexpr std::int64_t kSameMs = 1'000;

  // Borrowed.
  explicit NetworkClock(const Clock& clock);

  [[nodiscard]] std::uint64_t now_ms() const { return time_.at(clock_.now()); }
  // Of an edge that may sync. How far time was moved, if it was.
  std::optional<std::int64_t> hear(std::uint64_t edge_ms);

 private:
  const Clock& clock_;
  const Instant begin_;
  protocol::NetworkTime time_;
  bool taken_ = false;
};

}  // namespace tdn::control
