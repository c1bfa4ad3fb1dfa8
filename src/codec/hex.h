// Lower-case hexadecimal, two digits per byte.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tdn::codec {

[[nodiscard]] std::string to_hex(ByteView bytes);

// Exactly `digits` lower-case digits, zero-padded; a value that needs more keeps its low digits.
[[nodiscard]] std::string hex_number(std::uint64_t value, int digits);

// Either case; nothing for an odd length or a foreign character.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

// Fills `out` exactly; false (and `out` unspecified) unless the text is 2 · out.size() hex digits.
[[nodiscard]] bool from_hex(std::string_view text, std::span<std::uint8_t> out);

}  // namespace tdn::codec
