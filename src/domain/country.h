// Countries as ISO 3166-1 alpha-2 codes in upper case, two bytes in one word: what zones, sites and
// clients are matched by.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tdn::domain {

class Country {
 public:
  constexpr Country() = default;  // unknown: equal to no country

  // Officially assigned codes in upper case only: neither `no` nor `UK` nor `EU`.
  [[nodiscard]] static std::optional<Country> parse(std::string_view text);

  [[nodiscard]] constexpr bool known() const { return code_ != 0; }
  [[nodiscard]] std::string to_string() const;  // empty if unknown
  auto operator<=>(const Country&) const = default;

 private:
  explicit constexpr Country(std::uint16_t code) : code_(code) {}
  std::uint16_t code_ = 0;
};

// What to write instead of a text that is no country code; empty if there is nothing to suggest.
[[nodiscard]] std::string country_hint(std::string_view text);

}  // namespace tdn::domain
