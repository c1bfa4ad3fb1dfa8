// Base64 (RFC 4648), both forms we use: the standard alphabet with padding (§4) in JSON, the URL
// alphabet without padding (§5) in tokens. Decoding is strict and canonical: one text per byte
// string, so that a token cannot be rewritten and still be accepted. No line breaks, no spaces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tdn::codec {

[[nodiscard]] std::string to_base64(ByteView bytes);
[[nodiscard]] std::string to_base64url(ByteView bytes);

[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64url(std::string_view text);

}  // namespace tdn::codec
