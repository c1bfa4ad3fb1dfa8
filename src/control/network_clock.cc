#include "control/network_clock.h"

#include <algorithm>

namespace tdn::control {

NetworkClock::NetworkClock(const Clock& clock) : clock_(clock), begin_(clock.now()) {
  const std::int64_t wall_ms = std::max<std::int64_t>(clock.wall().us, 0) / 1000;
  time_.learn(static_cast<std::uint64_t>(wall_ms), begin_);
}

std::optional<std::int64_t> NetworkClock::hear(std::uint64_t edge_ms) {
  const Instant now = clock_.now();
  const auto ahead = static_cast<std::int64_t>(edge_ms) - static_cast<std::int64_t>(time_.at(now));
  const bool is_same = ahead <= kSameMs && ahead >= -kSameMs;
  if (is_same || taken_ || now - begin_ > kJoining) {
    return std::nullopt;
  }
  taken_ = true;
  time_.learn(edge_ms, now);
  return ahead;
}

}  // namespace tdn::control
