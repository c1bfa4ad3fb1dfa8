#include "codec/base64.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace tdn::codec {
namespace {

using Alphabet = std::string_view;
constexpr Alphabet kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr Alphabet kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::uint8_t kForeign = 0xff;

constexpr std::array<std::uint8_t, 256> inverse(Alphabet alphabet) {
  std::array<std::uint8_t, 256> values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr auto kFromStandard = inverse(kStandard);
constexpr auto kFromUrl = inverse(kUrl);

// Four groups at once: 12 bytes become 16 characters. Reads 16 bytes. Records are uploaded so, all
// of them, and the compiler makes nothing of a look-up per character.
using Bytes16 = std::uint8_t __attribute__((vector_size(16)));
using Words4 = std::uint32_t __attribute__((vector_size(16)));
static_assert(std::endian::native == std::endian::little);

void encode_four(const std::uint8_t* in, Alphabet alphabet, char* out) {
  Bytes16 bytes;
  std::memcpy(&bytes, in, sizeof bytes);
  const auto groups = reinterpret_cast<Words4>(__builtin_shufflevector(  // NOLINT
      bytes, Bytes16{}, 2, 1, 0, 16, 5, 4, 3, 16, 8, 7, 6, 16, 11, 10, 9, 16));
  const auto values = reinterpret_cast<Bytes16>(  // NOLINT
      (groups >> 18U) | ((groups >> 12U & 63U) << 8U) | ((groups >> 6U & 63U) << 16U) |
      ((groups & 63U) << 24U));
  // In both alphabets A-Z, a-z and 0-9 stand in this order, then two of their own.
  const auto own = [alphabet](std::size_t value, std::uint8_t from_digits) {
    return static_cast<std::uint8_t>(static_cast<std::uint8_t>(alphabet[value]) - value -
                                     from_digits);
  };
  constexpr auto kLower = static_cast<std::uint8_t>('a' - 26 - 'A');
  constexpr auto kDigits = static_cast<std::uint8_t>('0' - 52 - ('a' - 26));
  constexpr auto kFromDigits = static_cast<std::uint8_t>('0' - 52);
  const auto where = [](auto mask) { return reinterpret_cast<Bytes16>(mask); };  // NOLINT
  const Bytes16 text =
      values + 'A' + (where(values > 25) & kLower) + (where(values > 51) & kDigits) +
      (where(values == 62) & own(62, kFromDigits)) + (where(values == 63) & own(63, kFromDigits));
  std::memcpy(out, &text, sizeof text);
}

// Without padding.
char* encode(ByteView bytes, Alphabet alphabet, char* out) {
  std::size_t i = 0;
  for (; i + 16 <= bytes.size(); i += 12) {
    encode_four(bytes.data() + i, alphabet, out);
    out += 16;
  }
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group =
        std::uint32_t{bytes[i]} << 16U | std::uint32_t{bytes[i + 1]} << 8U | bytes[i + 2];
    out[0] = alphabet[group >> 18U];
    out[1] = alphabet[(group >> 12U) & 63U];
    out[2] = alphabet[(group >> 6U) & 63U];
    out[3] = alphabet[group & 63U];
    out += 4;
  }
  if (i < bytes.size()) {
    const std::size_t count = bytes.size() - i;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8U) | (k < count ? bytes[i + k] : 0U);
    }
    for (std::size_t k = 0; k <= count; ++k) {
      *out++ = alphabet[(group >> (18 - 6 * k)) & 63U];
    }
  }
  return out;
}

std::string encode(ByteView bytes, Alphabet alphabet) {
  std::string text(base64url_size(bytes.size()), '\0');
  encode(bytes, alphabet, text.data());
  return text;
}

// The same back: 16 characters become 12 bytes. False if one is not of the alphabet.
bool decode_four(const char* in, Alphabet alphabet, std::uint8_t* out) {
  Bytes16 text;
  std::memcpy(&text, in, sizeof text);
  const auto where = [](auto mask) { return reinterpret_cast<Bytes16>(mask); };  // NOLINT
  const auto from = [&](char first, char last) {
    return where(text >= static_cast<std::uint8_t>(first)) &
           where(text <= static_cast<std::uint8_t>(last));
  };
  const Bytes16 upper = from('A', 'Z');
  const Bytes16 lower = from('a', 'z');
  const Bytes16 digit = from('0', '9');
  const Bytes16 own62 = from(alphabet[62], alphabet[62]);
  const Bytes16 own63 = from(alphabet[63], alphabet[63]);
  std::array<std::uint64_t, 2> known;
  const Bytes16 any = upper | lower | digit | own62 | own63;
  std::memcpy(known.data(), &any, sizeof any);
  if ((known[0] & known[1]) != ~std::uint64_t{0}) {
    return false;
  }
  constexpr auto kLower = static_cast<std::uint8_t>(26 - 'a');
  const Bytes16 values = (upper & (text - 'A')) | (lower & (text + kLower)) |
                         (digit & (text + std::uint8_t{52 - '0'})) | (own62 & 62) | (own63 & 63);
  const auto words = reinterpret_cast<Words4>(values);  // NOLINT
  const auto groups = reinterpret_cast<Bytes16>(        // NOLINT
      ((words & 63U) << 18U) | ((words >> 8U & 63U) << 12U) | ((words >> 16U & 63U) << 6U) |
      words >> 24U);
  const Bytes16 bytes = __builtin_shufflevector(groups, groups, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13,
                                                12, -1, -1, -1, -1);
  std::memcpy(out, &bytes, 12);
  return true;
}

// Without padding. How many bytes; `out` has room for all that so long a text can hold.
std::optional<std::size_t> decode(std::string_view text,
                                  const std::array<std::uint8_t, 256>& values, Alphabet alphabet,
                                  std::uint8_t* out) {
  if (text.size() % 4 == 1) {
    return std::nullopt;
  }
  const std::uint8_t* const begin = out;
  std::size_t at = 0;
  for (; at + 16 <= text.size(); at += 16) {
    if (!decode_four(text.data() + at, alphabet, out)) {
      return std::nullopt;
    }
    out += 12;
  }
  for (; at + 4 <= text.size(); at += 4) {
    const std::array<std::uint8_t, 4> four{values[static_cast<std::uint8_t>(text[at])],
                                           values[static_cast<std::uint8_t>(text[at + 1])],
                                           values[static_cast<std::uint8_t>(text[at + 2])],
                                           values[static_cast<std::uint8_t>(text[at + 3])]};
    if ((four[0] | four[1] | four[2] | four[3]) == kForeign) {
      return std::nullopt;
    }
    out[0] = static_cast<std::uint8_t>(four[0] << 2U | four[1] >> 4U);
    out[1] = static_cast<std::uint8_t>(four[1] << 4U | four[2] >> 2U);
    out[2] = static_cast<std::uint8_t>(four[2] << 6U | four[3]);
    out += 3;
  }
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text.substr(at)) {
    const std::uint8_t value = values[static_cast<std::uint8_t>(c)];
    if (value == kForeign) {
      return std::nullopt;
    }
    bits = (bits << 6U) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      *out++ = static_cast<std::uint8_t>(bits >> held);
      bits &= (1U << held) - 1;
    }
  }
  // The bits that fill up the last character must be zero, or two texts would mean the same bytes.
  if (bits != 0) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(out - begin);
}

std::optional<std::vector<std::uint8_t>> decode(std::string_view text,
                                                const std::array<std::uint8_t, 256>& values,
                                                Alphabet alphabet) {
  std::vector<std::uint8_t> bytes(text.size() * 3 / 4);
  const std::optional<std::size_t> size = decode(text, values, alphabet, bytes.data());
  if (!size) {
    return std::nullopt;
  }
  bytes.resize(*size);
  return bytes;
}

}  // namespace

void append_base64(std::string& out, ByteView bytes) {
  const std::size_t begin = out.size();
  out.resize(begin + base64_size(bytes.size()), '=');
  encode(bytes, kStandard, out.data() + begin);
}

std::string to_base64(ByteView bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

std::string to_base64url(ByteView bytes) { return encode(bytes, kUrl); }

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  return decode(text.substr(0, text.size() - padding), kFromStandard, kStandard);
}

std::optional<std::vector<std::uint8_t>> from_base64url(std::string_view text) {
  return decode(text, kFromUrl, kUrl);
}

char* put_base64url(ByteView bytes, char* out) { return encode(bytes, kUrl, out); }

std::optional<std::span<std::uint8_t>> from_base64url(std::string_view text,
                                                      std::span<std::uint8_t> room) {
  if (text.size() * 3 / 4 > room.size()) {
    return std::nullopt;
  }
  const std::optional<std::size_t> size = decode(text, kFromUrl, kUrl, room.data());
  return size ? std::optional(room.first(*size)) : std::nullopt;
}

}  // namespace tdn::codec
