#include "domain/api_key.h"

#include <array>

#include "base/bytes.h"
#include "codec/crc32c.h"
#include "codec/text_numbers.h"

namespace tdn::domain {
namespace {

constexpr std::string_view kPrefix = "sk-tdn-";
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's
constexpr std::size_t kIdWidth = 10;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretWidth = 43;
constexpr std::size_t kChecksumWidth = 6;
constexpr std::size_t kBodyWidth = kPrefix.size() + kIdWidth + 1 + kSecretWidth;
constexpr std::size_t kWidth = kBodyWidth + 1 + kChecksumWidth;

std::string checksum_of(std::string_view body) {
  const std::uint32_t crc = codec::crc32c(bytes_of(body));
  const std::array<std::uint8_t, 4> number = {
      static_cast<std::uint8_t>(crc >> 24), static_cast<std::uint8_t>(crc >> 16),
      static_cast<std::uint8_t>(crc >> 8), static_cast<std::uint8_t>(crc)};
  return codec::to_base62(number, kChecksumWidth);
}

}  // namespace

std::optional<KeyId> KeyId::parse(std::string_view text) {
  if (text.size() != kIdWidth) {
    return std::nullopt;
  }
  std::uint64_t bits = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) {
      return std::nullopt;
    }
    bits = bits << 5 | digit;
  }
  return KeyId(bits);
}

std::string KeyId::to_string() const {
  std::string text(kIdWidth, '0');
  std::uint64_t rest = bits_;
  for (std::size_t i = kIdWidth; i-- > 0; rest >>= 5) {
    text[i] = kDigits[rest & 31];
  }
  return text;
}

KeyId KeyId::make(Random& random) {
  return KeyId(random.next() & ((std::uint64_t{1} << (5 * kIdWidth)) - 1));
}

NewApiKey make_api_key(Random& random) {
  std::array<std::uint8_t, kSecretBytes> secret{};
  random.fill(std::as_writable_bytes(std::span(secret)));
  const KeyId id = KeyId::make(random);
  std::string text =
      std::string(kPrefix) + id.to_string() + "-" + codec::to_base62(secret, kSecretWidth);
  text += "-" + checksum_of(text);
  const codec::Digest digest = codec::sha256(bytes_of(text));
  return {std::move(text), id, digest};
}

std::optional<KeyId> parse_api_key(std::string_view text) {
  if (text.size() != kWidth || !text.starts_with(kPrefix) || text[kBodyWidth] != '-' ||
      text[kPrefix.size() + kIdWidth] != '-' ||
      text.substr(kBodyWidth + 1) != checksum_of(text.substr(0, kBodyWidth))) {
    return std::nullopt;
  }
  return KeyId::parse(text.substr(kPrefix.size(), kIdWidth));
}

bool verify_api_key(std::string_view text, const codec::Digest& sha256) {
  return codec::equal_in_constant_time(codec::sha256(bytes_of(text)), sha256);
}

}  // namespace tdn::domain
