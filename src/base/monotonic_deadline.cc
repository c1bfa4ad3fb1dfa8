#include "base/monotonic_deadline.h"

#include <time.h>

#include <algorithm>

namespace tdn {

MonotonicDeadline monotonic_deadline(Duration left) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t nanoseconds = now.tv_nsec + std::max<std::int64_t>(left.count(), 0);
  return {now.tv_sec + nanoseconds / kSecond, nanoseconds % kSecond};
}

}  // namespace tdn
