// A rate per minute kept in one number: the moment at which all that was taken so far would have
// been earned at the allowed rate ("theoretical arrival time", the Generic Cell Rate Algorithm of
// ITU-T I.371 Annex A). Taking moves it ahead of now, time catches up with it; it may be at most a
// minute ahead, so a full minute's worth may come at once and an idle hour saves up no more.
//
// The number is kept in time, not in units: when the rate changes, the share of a minute that is
// used up stays, and nothing needs converting.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace tdn::quota {

inline constexpr Duration kMinute = std::chrono::minutes(1);
// What one request can cost at most, so that a small limit and a huge answer cannot overflow: an
// hour of nothing is punishment enough.
inline constexpr Duration kMostCost = std::chrono::hours(1);

// How long `units` take to earn at `per_minute` ≥ 1, at most kMostCost. Rounded down, so that
// exactly `per_minute` single units fit into a minute.
[[nodiscard]] constexpr Duration cost_of(std::int64_t units, std::int64_t per_minute) {
  const auto ns = static_cast<__int128>(units) * kMinute.count() / per_minute;
  return Duration(
      static_cast<std::int64_t>(std::min<__int128>(ns, static_cast<__int128>(kMostCost.count()))));
}

// Thread-safe and lock-free.
class Rate {
 public:
  // Whether `cost` ≤ kMinute fits now; takes it if so.
  [[nodiscard]] bool try_take(Duration cost, Instant now);
  // How long until `cost` ≤ kMinute would fit; zero if it does now.
  [[nodiscard]] Duration wait_for(Duration cost, Instant now) const;
  // Corrects a cost taken earlier: positive takes more, whether it fits or not; negative gives
  // back, and giving all back leaves things as if nothing had been taken.
  void correct(Duration difference) {
    earned_at_.fetch_add(difference.count(), std::memory_order_relaxed);
  }
  // How far ahead of now: zero when idle, above kMinute when overdrawn.
  [[nodiscard]] Duration ahead(Instant now) const {
    return std::max(Duration(earned_at_.load(std::memory_order_relaxed)) - now, Duration::zero());
  }

 private:
  std::atomic<std::int64_t> earned_at_{0};
};

}  // namespace tdn::quota
