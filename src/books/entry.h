// What frames say: the payload of each type, encoded and decoded. `Entry` is one decoded frame, the
// input of the replay function (books/replica.h), which the running writer and recovery share.
#pragma once

#include <cstdint>
#include <variant>

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/uid.h"
#include "books/frame.h"
#include "meter/price.h"
#include "meter/usage_record.h"

namespace tdn::books {

// A request was dispatched. `draft` is its usage record as known then, without place: what an
// orphan is settled from. Views point into the payload.
struct AdmissionEntry {
  ByteView draft;
  ByteView tenant_annex;  // empty: none
  ByteView operator_annex;
  meter::ListPrice price;  // its currency stands in the draft
};

// Cumulative counts of one leg.
struct ProgressEntry {
  std::uint64_t admission = 0;  // lsn
  std::uint64_t leg = 0;
  Uid endpoint;
  ByteView usage;  // CBOR map class → count
};

struct SettlementEntry {
  ByteView record;
  ByteView tenant_annex;
  ByteView operator_annex;
  // Out of the record:
  std::uint64_t admission = 0;  // lsn
  std::uint64_t seq = 0;
  meter::Digest prev{};
};

// An admitted request came to nothing: no record, nothing billed.
struct RefusalEntry {
  std::uint64_t admission = 0;  // lsn
  std::string_view code;
};

// Control holds the records up to `acked`; those below `keep_from` are in a verified backup, too.
struct AckEntry {
  std::uint64_t acked = 0;
  std::uint64_t keep_from = 0;
};

struct DeliveredEntry {
  std::uint64_t seq = 0;
};

// Everything before this frame is on disk, and everything that was settled up to `wall` is before
// it.
struct SyncedEntry {
  WallTime wall;
};

using Entry = std::variant<AdmissionEntry, ProgressEntry, SettlementEntry, RefusalEntry, AckEntry,
                           DeliveredEntry, SyncedEntry>;

// Each appends a payload.
void encode(const AdmissionEntry& entry, ByteBuffer& out);
void encode(const ProgressEntry& entry, ByteBuffer& out);
void encode(const SettlementEntry& entry, ByteBuffer& out);  // record and annexes only
void encode(const RefusalEntry& entry, ByteBuffer& out);
void encode(const AckEntry& entry, ByteBuffer& out);
void encode(const DeliveredEntry& entry, ByteBuffer& out);
void encode(const SyncedEntry& entry, ByteBuffer& out);

// Of a frame from disk: everything is checked, records and annexes included. A type or version that
// this program does not know is refused, for what it changed cannot be guessed.
[[nodiscard]] Result<Entry> decode_entry(const Frame& frame);

// The number of the record in a settlement's frame, whose bytes passed the frame's checksum,
// without looking at the rest again.
[[nodiscard]] Result<std::uint64_t> seq_of_settlement(const Frame& frame);

// A usage map, as in ProgressEntry, that decode_entry let pass.
[[nodiscard]] meter::UsageVector decode_usage(ByteView usage);
void encode_usage(const meter::UsageVector& usage, ByteBuffer& out);

}  // namespace tdn::books
