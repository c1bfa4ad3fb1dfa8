#include "books/entry.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/cbor.h"
#include "meter/annex.h"

namespace tdn::books {
namespace {

using codec::CborReader;
using codec::CborWriter;

tl::unexpected<Error> malformed(FrameType type) {
  return fail(Code::kCorrupt, fmt::format("malformed {} frame", name_of(type)));
}

Result<void> check_annexes(ByteView tenant, ByteView ours) {
  if (!tenant.empty()) {
    TDN_TRY_VOID(meter::decode_tenant_annex(tenant));
  }
  if (!ours.empty()) {
    TDN_TRY_VOID(meter::decode_operator_annex(ours));
  }
  return {};
}

Result<Entry> decode_admission(CborReader& cbor) {
  AdmissionEntry entry;
  const bool four = cbor.array() == 4;
  entry.draft = cbor.bytes();
  entry.tenant_annex = cbor.bytes();
  entry.operator_annex = cbor.bytes();
  const bool three = cbor.array() == 3;
  entry.price.input.pico = cbor.integer();
  entry.price.cached_input.pico = cbor.integer();
  entry.price.output.pico = cbor.integer();
  if (!cbor.ok() || !four || !three) {
    return malformed(FrameType::kAdmission);
  }
  TDN_TRY(const meter::UsageRecord draft, meter::decode_record(entry.draft));
  entry.price.currency = draft.charged.currency;
  TDN_TRY_VOID(check_annexes(entry.tenant_annex, entry.operator_annex));
  return entry;
}

Result<Entry> decode_progress(CborReader& cbor) {
  ProgressEntry entry;
  const bool four = cbor.array() == 4;
  entry.admission = cbor.uint();
  entry.leg = cbor.uint();
  const ByteView endpoint = cbor.bytes();
  entry.usage = cbor.skip();
  if (!cbor.ok() || !four || endpoint.size() != entry.endpoint.bytes.size()) {
    return malformed(FrameType::kProgress);
  }
  std::ranges::copy(endpoint, entry.endpoint.bytes.begin());
  CborReader usage(entry.usage);
  const std::size_t classes = usage.map();
  for (std::size_t i = 0; i < classes * 2; ++i) {
    usage.uint();
  }
  if (!usage.ok() || !usage.at_end()) {
    return malformed(FrameType::kProgress);
  }
  return entry;
}

Result<Entry> decode_settlement(CborReader& cbor) {
  SettlementEntry entry;
  const bool three = cbor.array() == 3;
  entry.record = cbor.bytes();
  entry.tenant_annex = cbor.bytes();
  entry.operator_annex = cbor.bytes();
  if (!cbor.ok() || !three) {
    return malformed(FrameType::kSettlement);
  }
  TDN_TRY(const meter::UsageRecord record, meter::decode_record(entry.record));
  TDN_TRY_VOID(check_annexes(entry.tenant_annex, entry.operator_annex));
  entry.admission = record.admission.lsn;
  entry.seq = record.seq;
  entry.prev = record.prev;
  return entry;
}

Result<Entry> decode_refusal(CborReader& cbor) {
  RefusalEntry entry;
  const bool two = cbor.array() == 2;
  entry.admission = cbor.uint();
  entry.code = cbor.text();
  if (!cbor.ok() || !two) {
    return malformed(FrameType::kRefusal);
  }
  return entry;
}

Result<Entry> decode_ack(CborReader& cbor) {
  AckEntry entry;
  const bool two = cbor.array() == 2;
  entry.acked = cbor.uint();
  entry.keep_from = cbor.uint();
  if (!cbor.ok() || !two) {
    return malformed(FrameType::kAck);
  }
  return entry;
}

Result<Entry> decode_delivered(CborReader& cbor) {
  DeliveredEntry entry;
  const bool one = cbor.array() == 1;
  entry.seq = cbor.uint();
  if (!cbor.ok() || !one) {
    return malformed(FrameType::kDelivered);
  }
  return entry;
}

Result<Entry> decode_synced(CborReader& cbor) {
  SyncedEntry entry;
  const bool one = cbor.array() == 1;
  entry.wall.us = cbor.integer();
  if (!cbor.ok() || !one) {
    return malformed(FrameType::kSynced);
  }
  return entry;
}

}  // namespace

void encode(const AdmissionEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(4);
  cbor.bytes(entry.draft);
  cbor.bytes(entry.tenant_annex);
  cbor.bytes(entry.operator_annex);
  cbor.array(3);
  cbor.integer(entry.price.input.pico);
  cbor.integer(entry.price.cached_input.pico);
  cbor.integer(entry.price.output.pico);
}

void encode(const ProgressEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(4);
  cbor.uint(entry.admission);
  cbor.uint(entry.leg);
  cbor.bytes(entry.endpoint.bytes);
  cbor.raw(entry.usage);
}

void encode(const SettlementEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(3);
  cbor.bytes(entry.record);
  cbor.bytes(entry.tenant_annex);
  cbor.bytes(entry.operator_annex);
}

void encode(const RefusalEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(2);
  cbor.uint(entry.admission);
  cbor.text(entry.code);
}

void encode(const AckEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(2);
  cbor.uint(entry.acked);
  cbor.uint(entry.keep_from);
}

void encode(const DeliveredEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(1);
  cbor.uint(entry.seq);
}

void encode(const SyncedEntry& entry, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.array(1);
  cbor.integer(entry.wall.us);
}

Result<Entry> decode_entry(const Frame& frame) {
  if (frame.version != kFrameVersion) {
    return fail(
        Code::kCorrupt,
        fmt::format("{} frame of version {}, this program reads {}: it was written by a newer "
                    "tdn; use that one",
                    name_of(frame.type), frame.version, kFrameVersion));
  }
  TDN_TRY_VOID(codec::cbor_check(frame.payload));
  CborReader cbor(frame.payload);
  switch (frame.type) {
    case FrameType::kAdmission:
      return decode_admission(cbor);
    case FrameType::kProgress:
      return decode_progress(cbor);
    case FrameType::kSettlement:
      return decode_settlement(cbor);
    case FrameType::kRefusal:
      return decode_refusal(cbor);
    case FrameType::kAck:
      return decode_ack(cbor);
    case FrameType::kDelivered:
      return decode_delivered(cbor);
    case FrameType::kSynced:
      return decode_synced(cbor);
    case FrameType::kExtension:
    case FrameType::kLeaseUpdate:
    case FrameType::kClosing:
      break;
  }
  return fail(Code::kCorrupt,
              fmt::format("frame of type {}, which this program does not know: it was written by a "
                          "newer tdn; use that one",
                          static_cast<int>(frame.type)));
}

Result<std::uint64_t> seq_of_settlement(const Frame& frame) {
  CborReader cbor(frame.payload);
  const bool three = cbor.array() == 3;
  const ByteView record = cbor.bytes();
  if (frame.version != kFrameVersion || !cbor.ok() || !three) {
    return malformed(FrameType::kSettlement);
  }
  return meter::seq_of_record(record);
}

meter::UsageVector decode_usage(ByteView usage) {
  meter::UsageVector counts;
  CborReader cbor(usage);
  const std::size_t classes = cbor.map();
  for (std::size_t i = 0; i < classes; ++i) {
    const std::uint64_t token_class = cbor.uint();
    counts.set(static_cast<meter::TokenClass>(token_class), cbor.uint());
  }
  return counts;
}

void encode_usage(const meter::UsageVector& usage, ByteBuffer& out) {
  CborWriter cbor(out);
  cbor.map(usage.size());
  usage.for_each([&cbor](std::uint64_t token_class, std::uint64_t count) {
    cbor.uint(token_class);
    cbor.uint(count);
  });
}

}  // namespace tdn::books
