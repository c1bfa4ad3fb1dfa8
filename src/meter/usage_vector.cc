#include "meter/usage_vector.h"

#include <algorithm>
#include <limits>

namespace tdn::meter {
namespace {

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t total = 0;
  return __builtin_add_overflow(a, b, &total) ? std::numeric_limits<std::uint64_t>::max() : total;
}

}  // namespace

TokenTotals& TokenTotals::operator+=(const TokenTotals& other) {
  input = sum(input, other.input);
  cached_input = sum(cached_input, other.cached_input);
  output = sum(output, other.output);
  return *this;
}

std::uint64_t UsageVector::count(TokenClass token_class) const {
  const auto number = static_cast<std::uint64_t>(token_class);
  if (const std::size_t slot = slot_of(number); slot < kSlots) {
    return known_[slot];
  }
  const auto found = std::ranges::lower_bound(others_, number, {}, &Other::first);
  return found != others_.end() && found->first == number ? found->second : 0;
}

void UsageVector::set(TokenClass token_class, std::uint64_t count) {
  const auto number = static_cast<std::uint64_t>(token_class);
  if (const std::size_t slot = slot_of(number); slot < kSlots) {
    set_slot(slot, count);
    return;
  }
  const auto place = std::ranges::lower_bound(others_, number, {}, &Other::first);
  const bool present = place != others_.end() && place->first == number;
  if (count == 0 && present) {
    others_.erase(place);
  } else if (present) {
    place->second = count;
  } else if (count != 0) {
    others_.emplace(place, number, count);
  }
}

TokenTotals UsageVector::totals() const {
  TokenTotals totals;
  for_each_slot([&](std::size_t slot) {
    if (slot < kInputSlots) {
      const bool cache_read = slot % 4 == 1;
      std::uint64_t& total = cache_read ? totals.cached_input : totals.input;
      total = sum(total, known_[slot]);
    } else if (slot < kOutputSlots) {
      totals.output = sum(totals.output, known_[slot]);
    }
  });
  return totals;
}

bool UsageVector::has_unknown_class() const {
  return !others_.empty() &&
         others_.front().first < static_cast<std::uint64_t>(TokenClass::kFirstTool);
}

}  // namespace tdn::meter
