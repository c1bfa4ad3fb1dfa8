#include "base/money.h"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

Result<Price> parse_price_per_million(std::string_view text) {
  constexpr std::size_t kPlaces = 6;
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = dot == text.npos ? "" : text.substr(dot + 1);
  if (whole.empty() || (dot != text.npos && fraction.empty()) || !all_digits(whole) ||
      !all_digits(fraction)) {
    return fail(Code::kInvalid, fmt::format("`{}` is not a price; write a decimal such as \"0.02\"",
                                            text.substr(0, 40)));
  }
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
