// What an edge has learned of one model from its answers: how many bytes of a request make a token,
// how long prompts and answers usually are. Shared by all shards, lock-free, outlives reloads.
#pragma once

#include <atomic>
#include <cstdint>

namespace tdn::route {

class ModelState {
 public:
  // Bounds of the ratio, in 1/1024 bytes per token: a token of less than a byte, or of more than 16
  // on average, is a misunderstanding (an image in the body, say).
  static constexpr std::uint32_t kLeastRatio = 1024;
  static constexpr std::uint32_t kMostRatio = 16 * 1024;
  static constexpr std::uint32_t kRatioAtFirst = 4 * 1024;
  static constexpr std::uint32_t kInputAtFirst = 512;
  static constexpr std::uint32_t kOutputAtFirst = 256;

  // A request of `bytes` had `input` prompt tokens and got `output` tokens.
  void learn(std::uint64_t bytes, std::uint64_t input, std::uint64_t output);

  [[nodiscard]] std::uint32_t ratio() const { return ratio_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t usual_input() const { return input_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t usual_output() const {
    return output_.load(std::memory_order_relaxed);
  }
  // Rounded up.
  [[nodiscard]] std::uint32_t tokens_of(std::uint64_t bytes) const;

 private:
  std::atomic<std::uint32_t> ratio_{kRatioAtFirst};
  std::atomic<std::uint32_t> input_{kInputAtFirst};
  std::atomic<std::uint32_t> output_{kOutputAtFirst};
};

}  // namespace tdn::route
