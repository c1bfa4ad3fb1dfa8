// Checkpoint files: the replica's state at one lsn, `TDNCKPT1` ‖ CBOR ‖ SHA-256 of all before. They
// save replaying from the start, and are what makes old segments expendable.
#pragma once

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "books/replica.h"

namespace tdn::books {

void encode_checkpoint(const Replica& replica, ByteBuffer& out);
[[nodiscard]] Result<Replica> decode_checkpoint(ByteView bytes);

}  // namespace tdn::books
