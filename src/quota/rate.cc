#include "quota/rate.h"

#include <algorithm>

#include "base/assert.h"

namespace tdn::quota {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kMinute = 60'000'000'000;
constexpr std::int64_t kMostCorrection = 60 * kMinute;

}  // namespace

Rate::Rate(std::int64_t per_minute) : per_minute_(per_minute) {
  TDN_ASSERT(per_minute >= 1 && per_minute <= 1'000'000'000'000);
}

std::int64_t Rate::time_for(std::int64_t units) const {
  const Wide time = static_cast<Wide>(units) * kMinute / per_minute_;
  return static_cast<std::int64_t>(
      std::clamp(time, -static_cast<Wide>(kMostCorrection), static_cast<Wide>(kMostCorrection)));
}

Duration Rate::take(RateState& state, std::int64_t units, Instant now) const {
  const std::int64_t cost = time_for(std::min(units, per_minute_));
  const std::int64_t latest = now.count() + kMinute;
  std::int64_t paid_until = state.load(std::memory_order_relaxed);
  while (true) {
    // What was saved by not spending before now is forgotten: no more than a minute's worth at
    // once.
    const std::int64_t after = std::max(paid_until, now.count()) + cost;
    if (after > latest) {
      return Duration(after - latest);
    }
    if (state.compare_exchange_weak(paid_until, after, std::memory_order_relaxed)) {
      return Duration::zero();
    }
  }
}

void Rate::correct(RateState& state, std::int64_t units) const {
  state.fetch_add(time_for(units), std::memory_order_relaxed);
}

std::int64_t Rate::remaining(const RateState& state, Instant now) const {
  const std::int64_t owed = reset(state, now).count();
  const std::int64_t free = std::max<std::int64_t>(kMinute - owed, 0);
  return static_cast<std::int64_t>(static_cast<Wide>(free) * per_minute_ / kMinute);
}

Duration Rate::reset(const RateState& state, Instant now) {
  return Duration(std::max<std::int64_t>(state.load(std::memory_order_relaxed) - now.count(), 0));
}

}  // namespace tdn::quota
