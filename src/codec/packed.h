// Byte strings one after the other, each after its length (u32, little-endian): how an edge uploads
// settlements (FORMATS §8). Thread-safe: no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tdn::codec {

inline constexpr std::size_t kMostPackedBytes = 65'536;  // one of them

// Appends one, of 1 to `kMostPackedBytes`.
void pack(std::vector<std::uint8_t>& packed, ByteView bytes);

// Takes the first off `packed`: nothing at its end. Code::kInvalid if it is cut short, or one is
// empty or too long.
[[nodiscard]] Result<std::optional<ByteView>> unpack(ByteView& packed);

}  // namespace tdn::codec
