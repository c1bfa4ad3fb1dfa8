#include "local/backoff.h"

#include <algorithm>

namespace tdn::local {

Duration Backoff::ended(Instant now) {
  if (now - started_ >= kGoodRun) {
    next_ = kFirst;
  }
  const Duration delay = next_;
  next_ = std::min(2 * next_, kLongest);
  return delay;
}

}  // namespace tdn::local
