// How fast something may be spent: so many units a minute, a minute's worth at once. The state is
// one number, the moment until which what was spent is paid off (a leaky bucket measured in time:
// the Generic Cell Rate Algorithm of ITU-T I.371 Annex A). Nothing refills it but the clock.
//
// Exact under concurrency: spenders on all shards change one atomic. The state outlives the rate:
// after a reload another `Rate` spends from the same state, and its debt stays.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace tdn::quota {

// Paid off until this moment (ns of boottime). In the past: nothing is owed.
using RateState = std::atomic<std::int64_t>;

class Rate {
 public:
  // 1 to 10¹² units per minute.
  explicit Rate(std::int64_t per_minute);

  // Takes `units` now, or not at all: then the time until they fit. More than a minute's worth
  // counts as a minute's worth, or it would never fit.
  [[nodiscard]] Duration take(RateState& state, std::int64_t units, Instant now) const;
  // The truth differs from what was taken by so much: positive takes more, even into debt, but
  // never more than an hour's worth: an engine that reports nonsense must not close a limit for
  // ever.
  void correct(RateState& state, std::int64_t units) const;

  [[nodiscard]] std::int64_t per_minute() const { return per_minute_; }
  // What could be taken now.
  [[nodiscard]] std::int64_t remaining(const RateState& state, Instant now) const;
  // Until nothing is owed any more.
  [[nodiscard]] static Duration reset(const RateState& state, Instant now);

 private:
  [[nodiscard]] std::int64_t time_for(std::int64_t units) const;
  std::int64_t per_minute_;
};

}  // namespace tdn::quota
