// What a request consumed, by token class. Classes exclude one another: each token is counted in
// exactly one, so that sums mean something (adapters assert Σ input classes = the engine's input
// total). The numbers are those of the usage record and are never re-used.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tdn::meter {

// Input classes come in fours per modality: fresh, read from cache, written to the 5-minute cache,
// written to the 1-hour cache; text from 1, image 5, audio 9, video 13, tool 17.
enum class TokenClass : std::uint64_t {
  kInputTextFresh = 1,
  kInputTextCacheRead = 2,
  kInputTextCacheWrite5m = 3,
  kInputTextCacheWrite1h = 4,
  kInputLast = 20,
  kOutputText = 32,
  kOutputReasoning = 33,
  kOutputImage = 34,
  kOutputAudio = 35,
  kOutputRejectedPrediction = 36,
  kCharactersIn = 48,
  kCharactersOut = 49,
  kAudioMs = 50,
  kCacheTokenHours = 51,
  kFirstTool = 64,
};

// The three kinds that a list price knows.
struct TokenTotals {
  std::uint64_t input = 0;         // fresh and cache writes
  std::uint64_t cached_input = 0;  // cache reads
  std::uint64_t output = 0;

  bool operator==(const TokenTotals&) const = default;
  // Sums stop at 2⁶⁴−1: counts come from engines, which may lie.
  TokenTotals& operator+=(const TokenTotals& other);
};

// Most requests count three or four classes, so a bit per known class says which are above zero.
class UsageVector {
 public:
  [[nodiscard]] std::uint64_t count(TokenClass token_class) const;
  void set(TokenClass token_class, std::uint64_t count);

  [[nodiscard]] TokenTotals totals() const;
  [[nodiscard]] bool empty() const { return counted_ == 0 && others_.empty(); }
  // Whether a class is counted that this version does not know: the record cannot be rated.
  [[nodiscard]] bool has_unknown_class() const;

  // Calls `visit(class number, count)` for every count above zero, in ascending order of class.
  template <class Visit>
  void for_each(Visit visit) const {
    auto other = others_.begin();
    for_each_slot([&](std::size_t slot) {
      const std::uint64_t number = class_of(slot);
      for (; other != others_.end() && other->first < number; ++other) {
        visit(other->first, other->second);
      }
      visit(number, known_[slot]);
    });
    for (; other != others_.end(); ++other) {
      visit(other->first, other->second);
    }
  }
  // How many classes `for_each` visits.
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(std::popcount(counted_)) + others_.size();
  }

  bool operator==(const UsageVector&) const = default;

 private:
  using Other = std::pair<std::uint64_t, std::uint64_t>;
  static constexpr std::size_t kInputSlots = 20;   // classes 1–20
  static constexpr std::size_t kOutputSlots = 25;  // then 32–36
  static constexpr std::size_t kSlots = 29;        // then 48–51

  [[nodiscard]] static constexpr std::uint64_t class_of(std::size_t slot) {
    if (slot < kInputSlots) {
      return slot + 1;
    }
    return slot < kOutputSlots ? slot - kInputSlots + 32 : slot - kOutputSlots + 48;
  }
  // kSlots for a class without a slot.
  [[nodiscard]] static constexpr std::size_t slot_of(std::uint64_t number) {
    if (number >= 1 && number <= kInputSlots) {
      return static_cast<std::size_t>(number - 1);
    }
    if (number >= 32 && number <= 36) {
      return static_cast<std::size_t>(number - 32) + kInputSlots;
    }
    if (number >= 48 && number <= 51) {
      return static_cast<std::size_t>(number - 48) + kOutputSlots;
    }
    return kSlots;
  }

  void set_slot(std::size_t slot, std::uint64_t count) {
    const std::uint32_t bit = std::uint32_t{1} << slot;
    counted_ = count != 0 ? counted_ | bit : counted_ & ~bit;
    known_[slot] = count;
  }
  // The slots above zero, ascending.
  template <class Visit>
  void for_each_slot(Visit visit) const {
    for (std::uint32_t left = counted_; left != 0; left &= left - 1) {
      visit(static_cast<std::size_t>(std::countr_zero(left)));
    }
  }

  std::uint32_t counted_ = 0;  // bit n: slot n is above zero
  std::array<std::uint64_t, kSlots> known_{};
  std::vector<Other> others_;  // ascending, counts above zero
};

}  // namespace tdn::meter
