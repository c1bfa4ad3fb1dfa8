#include "quota/rate.h"

namespace tdn::quota {

bool Rate::try_take(Duration cost, Instant now) {
  std::int64_t earned_at = earned_at_.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t after = std::max(earned_at, now.count()) + cost.count();
    if (after > (now + kMinute).count()) {
      return false;
    }
    if (earned_at_.compare_exchange_weak(earned_at, after, std::memory_order_relaxed)) {
      return true;
    }
  }
}

Duration Rate::wait_for(Duration cost, Instant now) const {
  return std::max(ahead(now) + cost - kMinute, Duration::zero());
}

}  // namespace tdn::quota
