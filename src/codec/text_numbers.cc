#include "codec/text_numbers.h"

#include <algorithm>
#include <vector>

#include "base/assert.h"

namespace tdn::codec {
namespace {

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kCrockford = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

std::string to_base62(ByteView number, std::size_t width) {
  std::vector<std::uint8_t> rest(number.begin(), number.end());
  std::string text(width, '0');
  for (auto place = text.rbegin(); place != text.rend(); ++place) {
    // Long division of the whole number by 62; what remains is this digit.
    unsigned remainder = 0;
    for (std::uint8_t& byte : rest) {
      const unsigned part = remainder * 256 + byte;
      byte = static_cast<std::uint8_t>(part / 62);
      remainder = part % 62;
    }
    *place = kBase62[remainder];
  }
  TDN_ASSERT(std::ranges::all_of(rest, [](std::uint8_t byte) { return byte == 0; }));
  return text;
}

bool from_base62(std::string_view text, std::span<std::uint8_t> out) {
  std::ranges::fill(out, std::uint8_t{0});
  for (const char c : text) {
    const std::size_t digit = kBase62.find(c);
    if (digit == std::string_view::npos) {
      return false;
    }
    auto carry = static_cast<unsigned>(digit);
    for (auto byte = out.rbegin(); byte != out.rend(); ++byte) {
      const unsigned part = *byte * 62U + carry;
      *byte = static_cast<std::uint8_t>(part & 255U);
      carry = part >> 8U;
    }
    if (carry != 0) {
      return false;
    }
  }
  return true;
}

std::string to_crockford(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const std::uint8_t byte : bytes) {
    text.push_back(kCrockford[byte & 31U]);
  }
  return text;
}

bool is_crockford(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return kCrockford.find(c) != std::string_view::npos; });
}

}  // namespace tdn::codec
