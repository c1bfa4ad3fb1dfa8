#include "base/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace tdn {
namespace {

// `value` / 10^`places` as an exact decimal.
std::string decimal(unsigned __int128 value, std::size_t places) {
  std::string digits;
  for (; value != 0; value /= 10) {
    digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
  }
  digits.append(digits.size() <= places ? places + 1 - digits.size() : 0, '0');
  std::reverse(digits.begin(), digits.end());
  digits.insert(digits.size() - places, 1, '.');
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') {
    digits.pop_back();
  }
  return digits;
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::size_t kPlaces = 6;  // of a price per million tokens

struct Decimal {
  std::string_view whole;
  std::string_view fraction;
};

std::optional<Decimal> split(std::string_view text) {
  const std::size_t dot = text.find('.');
  const Decimal parts{text.substr(0, dot), dot == text.npos ? "" : text.substr(dot + 1)};
  const bool is_decimal = !parts.whole.empty() && (dot == text.npos || !parts.fraction.empty()) &&
                          all_digits(parts.whole) && all_digits(parts.fraction);
  return is_decimal ? std::optional(parts) : std::nullopt;
}

tl::unexpected<Error> no_price(std::string_view text) {
  return fail(Code::kInvalid, fmt::format("`{}` is not a price; write a decimal such as \"0.02\"",
                                          text.substr(0, 40)));
}

// Behind the `e` of a number; what is too large for any use comes as the nearest that is not.
std::optional<std::int64_t> parse_exponent(std::string_view text) {
  constexpr std::int64_t kMost = 1'000'000;
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative || text.starts_with('+') ? 1 : 0);
  if (text.empty() || !all_digits(text)) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  for (const char c : text) {
    value = std::min(value * 10 + (c - '0'), kMost);
  }
  return negative ? -value : value;
}

}  // namespace

Result<Price> parse_price_limit(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  const std::optional<Decimal> parts = split(text.substr(0, e));
  const std::optional<std::int64_t> exponent =
      e == text.npos ? std::optional<std::int64_t>(0) : parse_exponent(text.substr(e + 1));
  if (!parts || !exponent) {
    return no_price(text);
  }
  const std::string digits = std::string(parts->whole).append(parts->fraction);
  // As many of them, or zeros behind them, as stand before the point when counted in 10⁻¹².
  const std::int64_t count = static_cast<std::int64_t>(parts->whole.size() + kPlaces) + *exponent;
  std::int64_t pico = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool is_given = i < static_cast<std::int64_t>(digits.size());
    if (!is_given && pico == 0) {
      break;
    }
    pico = pico * 10 + (is_given ? digits[static_cast<std::size_t>(i)] - '0' : 0);
    if (pico > Price::kMost) {
      return Price{Price::kMost};
    }
  }
  return Price{pico};
}

Result<Price> parse_price_per_million(std::string_view text) {
  const std::optional<Decimal> parts = split(text);
  if (!parts) {
    return no_price(text);
  }
  const auto [whole, fraction] = *parts;
  if (fraction.size() > kPlaces) {
    return fail(
        Code::kInvalid,
        fmt::format("`{}` has more than {} decimal places; the smallest price is \"0.000001\" "
                    "per million tokens",
                    text.substr(0, 40), kPlaces));
  }
  std::int64_t pico = 0;
  const std::string digits =
      std::string(whole).append(fraction).append(kPlaces - fraction.size(), '0');
  for (const char c : digits) {
    pico = pico * 10 + (c - '0');
    if (pico > Price::kMost) {
      return fail(Code::kInvalid,
                  fmt::format("`{}` is too high; at most 1000000000 per million tokens",
                              text.substr(0, 40)));
    }
  }
  return Price{pico};
}

std::string to_string_per_million(Price price) {
  return decimal(static_cast<unsigned __int128>(price.pico), 6);
}

std::string to_string(Amount amount) {
  const bool negative = amount < 0;
  const auto value = static_cast<unsigned __int128>(amount);
  return (negative ? "-" : "") + decimal(negative ? -value : value, 12);
}

}  // namespace tdn
