// For the waits of the C library that take a moment of CLOCK_MONOTONIC instead of a duration.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace tdn {

struct MonotonicDeadline {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
};

// `left` from now; past if negative.
[[nodiscard]] MonotonicDeadline monotonic_deadline(Duration left);

}  // namespace tdn
