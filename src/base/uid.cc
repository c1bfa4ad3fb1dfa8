#include "base/uid.h"

namespace tdn {
namespace {

constexpr char kHex[] = "0123456789abcdef";

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
  for (std::size_t i = 0; i < 6; ++i) {
    uid.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  }
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

std::string to_string(const Uid& uid) {
  std::string text;
  text.reserve(36);
  for (const std::uint8_t byte : uid.bytes) {
    if (dash_at(text.size())) {
      text.push_back('-');
    }
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

}  // namespace tdn
