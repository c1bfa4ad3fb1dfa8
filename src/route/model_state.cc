#include "route/model_state.h"

#include <algorithm>

#include "route/weigh.h"

namespace tdn::route {
namespace {

// A moving average that takes a sixteenth of each value; at least one step, so that it arrives.
void learn_one(std::atomic<std::uint32_t>& average, std::uint64_t value) {
  const std::int64_t before = average.load(std::memory_order_relaxed);
  const std::int64_t difference = static_cast<std::int64_t>(value) - before;
  const std::int64_t step = difference / 16;
  const std::int64_t least = difference > 0 ? 1 : difference < 0 ? -1 : 0;
  average.store(static_cast<std::uint32_t>(before + (step != 0 ? step : least)),
                std::memory_order_relaxed);
}

}  // namespace

void ModelState::learn(std::uint64_t bytes, std::uint64_t input, std::uint64_t output) {
  if (input > 0 && bytes > 0) {
    const std::uint64_t bounded = std::min(bytes, std::uint64_t{1} << 40U);
    learn_one(ratio_, std::clamp<std::uint64_t>(bounded * 1024 / input, kLeastRatio, kMostRatio));
    learn_one(input_, std::min<std::uint64_t>(input, kMostTokens));
  }
  if (output > 0) {
    learn_one(output_, std::min<std::uint64_t>(output, kMostTokens));
  }
}

std::uint32_t ModelState::tokens_of(std::uint64_t bytes) const {
  const std::uint64_t bounded = std::min(bytes, std::uint64_t{1} << 40U);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>((bounded * 1024 + ratio() - 1) / ratio(), kMostTokens));
}

}  // namespace tdn::route
