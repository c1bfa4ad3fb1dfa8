#include "base/uid.h"

namespace tdn {
namespace {

// The two digits of each byte.
constexpr auto kHexPairs = [] {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte) {
    pairs[byte] = {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return pairs;
}();

int nibble(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool dash_at(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

Uid Uid::make(WallTime now, Random& random) {
  Uid uid;
  random.fill(std::as_writable_bytes(std::span(uid.bytes)));
  const auto ms = static_cast<std::uint64_t>(now.us / 1000);
  const std::uint64_t leading = __builtin_bswap64(ms << 16);
  std::memcpy(uid.bytes.data(), &leading, 6);
  uid.bytes[6] = static_cast<std::uint8_t>(0x70 | (uid.bytes[6] & 0x0f));
  uid.bytes[8] = static_cast<std::uint8_t>(0x80 | (uid.bytes[8] & 0x3f));
  return uid;
}

std::optional<Uid> Uid::parse(std::string_view text) {
  if (text.size() != 36) {
    return std::nullopt;
  }
  Uid uid;
  std::size_t digit = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dash_at(i)) {
      if (text[i] != '-') {
        return std::nullopt;
      }
      continue;
    }
    const int value = nibble(text[i]);
    if (value < 0) {
      return std::nullopt;
    }
    std::uint8_t& byte = uid.bytes[digit / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | value);
    ++digit;
  }
  return uid;
}

void to_chars(const Uid& uid, std::span<char, 36> text) {
  char* at = text.data();
  for (std::size_t i = 0; i < uid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *at++ = '-';
    }
    std::memcpy(at, kHexPairs[uid.bytes[i]].data(), 2);
    at += 2;
  }
}

std::string to_string(const Uid& uid) {
  std::array<char, 36> text{};
  to_chars(uid, text);
  return {text.data(), text.size()};
}

}  // namespace tdn
