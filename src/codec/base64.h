// Base64 (RFC 4648), both forms we use: the standard alphabet with padding (§4) in JSON, the URL
// alphabet without padding (§5) in tokens. Decoding is strict and canonical: one text per byte
// string, so that a token cannot be rewritten and still be accepted. No line breaks, no spaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tdn::codec {

[[nodiscard]] std::string to_base64(ByteView bytes);
// Appends it.
void append_base64(std::string& out, ByteView bytes);
[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
[[nodiscard]] std::string to_base64url(ByteView bytes);

[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64url(std::string_view text);

// The same without allocating. Writes `base64url_size` characters; `out` must have room for them.
[[nodiscard]] constexpr std::size_t base64url_size(std::size_t bytes) {
  return (bytes * 4 + 2) / 3;
}
char* put_base64url(ByteView bytes, char* out);
// The bytes, in `room`; nothing if the text is not canonical or its bytes do not fit.
[[nodiscard]] std::optional<std::span<std::uint8_t>> from_base64url(std::string_view text,
                                                                    std::span<std::uint8_t> room);

}  // namespace tdn::codec
