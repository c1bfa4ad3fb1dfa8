#include "domain/country.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tdn::domain {
namespace {

// ISO 3166-1, the 249 officially assigned codes, sorted.
constexpr std::string_view kCodes =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS "
    "BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC "
    "EE "
    "EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK "
    "HM "
    "HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB "
    "LC "
    "LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ "
    "NA "
    "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU "
    "RW "
    "SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN "
    "TO "
    "TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";
static_assert(kCodes.size() == 249UL * 3);

// Of two upper-case letters.
constexpr std::size_t place_of(char first, char second) {
  return static_cast<std::size_t>(first - 'A') * 26 + static_cast<std::size_t>(second - 'A');
}

constexpr std::array<bool, 26 * 26> kAssigned = [] {
  std::array<bool, 26 * 26> table{};
  for (std::size_t i = 0; i < kCodes.size(); i += 3) {
    table[place_of(kCodes[i], kCodes[i + 1])] = true;
  }
  return table;
}();

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return result;
}

}  // namespace

std::optional<Country> Country::parse(std::string_view text) {
  const auto letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() != 2 || !letter(text[0]) || !letter(text[1]) ||
      !kAssigned[place_of(text[0], text[1])]) {
    return std::nullopt;
  }
  return Country(static_cast<std::uint16_t>((text[0] << 8) | text[1]));
}

std::string Country::to_string() const {
  return known() ? std::string{static_cast<char>(code_ >> 8), static_cast<char>(code_ & 0xff)} : "";
}

std::string country_hint(std::string_view text) {
  const std::string code = upper(text);
  if (Country::parse(code)) {
    return fmt::format("write {}", code);
  }
  if (code == "UK") {
    return "the United Kingdom is GB";
  }
  if (code == "EL") {
    return "Greece is GR";
  }
  if (code == "EU") {
    return "the European Union is no country: list its member states";
  }
  if (code == "FALSE") {
    return "a YAML tool may have turned NO into false: write NO";
  }
  return "";
}

}  // namespace tdn::domain
