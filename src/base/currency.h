// ISO 4217 currency codes.
#pragma once

#include <array>
#include <compare>
#include <string_view>

#include "base/result.h"

namespace tdn {

// Three capital letters; all zero where no currency is known.
struct Currency {
  std::array<char, 3> code{};

  auto operator<=>(const Currency&) const = default;
  [[nodiscard]] bool empty() const { return code[0] == 0; }
  [[nodiscard]] std::string_view text() const {
    return empty() ? std::string_view() : std::string_view(code.data(), code.size());
  }
  [[nodiscard]] static Result<Currency> parse(std::string_view text) {
    for (const char c : text) {
      if (c < 'A' || c > 'Z') {
        text = {};
        break;
      }
    }
    if (text.size() != 3) {
      return fail(Code::kInvalid, "a currency is three capital letters, such as USD");
    }
    return Currency{{text[0], text[1], text[2]}};
  }
};

}  // namespace tdn
