// Money without floating point: a price is an integer of 10⁻¹² currency units per token, an amount
// an integer of 10⁻¹² currency units in 128 bits. Rounding happens once, on an invoice line, never
// here. Texts are decimal: prices as manifests spell them, per million tokens; amounts in whole
// currency units.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tdn {

// 10⁻¹² currency units.
__extension__ using Amount = __int128;

// Per token, in 10⁻¹² currency units; never negative.
struct Price {
  static constexpr std::int64_t kMost = 1'000'000'000'000'000;  // 10⁹ units per million tokens

  std::int64_t pico = 0;
  auto operator<=>(const Price&) const = default;
};

// What `tokens` ≥ 0 cost; cannot overflow.
[[nodiscard]] constexpr Amount operator*(Price price, std::int64_t tokens) {
  return static_cast<Amount>(price.pico) * tokens;
}

// "0.02" → 20,000: a decimal of at most six places, the smallest that a price can hold, and at most
// Price::kMost. Neither sign nor exponent nor rounding.
[[nodiscard]] Result<Price> parse_price_per_million(std::string_view text);
// The highest price that a limit permits, which may be any JSON number from 0 on, as programs print
// them: "1e-3", "0.30000000000000004". Code::kInvalid: anything else.
[[nodiscard]] Result<Price> parse_price_limit(std::string_view text);

// 20,000 → "0.02". Reads back as the same price.
[[nodiscard]] std::string to_string_per_million(Price price);

// 460,000,000 → "0.00046": exact, without trailing zeros.
[[nodiscard]] std::string to_string(Amount amount);

}  // namespace tdn
