// Numbers as text, as API keys spell them: base62 of fixed width, and Crockford's base32 in lower
// case (https://www.crockford.com/base32.html; no i, l, o, u).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tdn::codec {

// The bytes as one big-endian number in `0-9A-Za-z`, most significant digit first, zero-padded to
// `width`, which must be large enough for every number of that many bytes (43 for 32, 6 for 4).
[[nodiscard]] std::string to_base62(ByteView number, std::size_t width);

// Fills `out` with the big-endian number; false for a foreign character or a number too large.
[[nodiscard]] bool from_base62(std::string_view text, std::span<std::uint8_t> out);

// `digits` characters, each from the low five bits of one byte: uniform if the bytes are.
[[nodiscard]] std::string to_crockford(ByteView bytes);

// Lower case only, no look-alikes: we print it, machines read it back.
[[nodiscard]] bool is_crockford(std::string_view text);

}  // namespace tdn::codec
