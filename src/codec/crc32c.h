// CRC-32C (Castagnoli, RFC 3720 §B.4): the checksum of journal frames and of API keys.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace tdn::codec {

// Of `bytes` after a prefix whose checksum is `previous`: crc32c(b, crc32c(a)) = crc32c(a ‖ b).
[[nodiscard]] std::uint32_t crc32c(ByteView bytes, std::uint32_t previous = 0);

// The same by table, one byte at a time: for machines without the instruction, and the reference
// that the fast way is tested against.
[[nodiscard]] std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t previous = 0);

}  // namespace tdn::codec
