#include "books/journal.h"

#include <utility>

#include "base/assert.h"
#include "base/fail_point.h"
#include "meter/annex.h"

namespace tdn::books {
namespace {

// More than CBOR puts around the parts of any payload.
constexpr std::size_t kFraming = 64;

}  // namespace

Journal::Journal(JournalOptions options, io::Disk& disk, const Clock& clock, Random& random)
    : options_(std::move(options)),
      disk_(disk),
      clock_(clock),
      random_(random),
      replica_(options_.edge, options_.epoch) {}

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options, io::Disk& disk,
                                               const Clock& clock, Random& random) {
  TDN_ASSERT(options.segment_bytes % 8 == 0 && options.segment_bytes >= 65'536);
  std::unique_ptr<Journal> journal(new Journal(std::move(options), disk, clock, random));
  TDN_TRY_VOID(journal->recover());
  return journal;
}

Result<void> Journal::make_room(std::size_t payload) {
  const std::size_t needed = frame_bytes(payload);
  TDN_ASSERT(payload <= kMaxPayloadBytes && needed <= options_.segment_bytes - kSegmentHeaderBytes);
  if (tail_ + pending_.size() + needed > options_.segment_bytes) {
    return next_segment();
  }
  if (batch_index_ == kMaxBatchFrames) {
    return sync();
  }
  return {};
}

std::size_t Journal::begin() { return begin_frame(pending_); }

template <class E>
void Journal::end(std::size_t begin, FrameType type, const E& entry) {
  const std::size_t payload_at = begin + kFrameHeaderBytes;
  const std::size_t payload_size = pending_.size() - payload_at;
  const Frame frame{.lsn = replica_.next_lsn(),
                    .type = type,
                    .index = static_cast<std::uint16_t>(batch_index_++)};
  end_frame(pending_, begin, frame, salt_);
  const auto applied = replica_.apply(entry, pending_.view(payload_at, payload_size));
  TDN_ASSERT(applied.has_value());
  unsynced_frames_ += type == FrameType::kSynced ? 0 : 1;
}

template <class E>
Result<void> Journal::append(FrameType type, const E& entry, std::size_t payload_bound) {
  TDN_TRY_VOID(make_room(payload_bound));
  const std::size_t at = begin();
  encode(entry, pending_);
  end(at, type, entry);
  return {};
}

Result<std::uint64_t> Journal::admit(ByteView payload) {
  TDN_TRY_VOID(make_room(payload.size()));
  const std::uint64_t lsn = replica_.next_lsn();
  const std::size_t at = begin();
  pending_.append(payload);
  end(at, FrameType::kAdmission, AdmissionEntry{});
  return lsn;
}

Result<void> Journal::progress(const ProgressEntry& entry) {
  return append(FrameType::kProgress, entry, kFraming + entry.usage.size());
}

Result<std::uint64_t> Journal::settle(const SettlementDraft& draft) {
  const meter::Place place{.seq = replica_.last_seq() + 1,
                           .prev = replica_.last_hash(),
                           .admission_lsn = draft.admission_lsn};
  record_.clear();
  meter::join_draft(draft.parts, draft.pieces, place, record_);
  const SettlementEntry entry{.record = record_.view(),
                              .tenant_annex = draft.tenant_annex,
                              .operator_annex = draft.operator_annex,
                              .admission = draft.admission_lsn,
                              .seq = place.seq,
                              .prev = place.prev};
  TDN_TRY_VOID(
      append(FrameType::kSettlement, entry,
             kFraming + record_.size() + draft.tenant_annex.size() + draft.operator_annex.size()));
  return place.seq;
}

Result<void> Journal::refuse(const RefusalEntry& entry) {
  return append(FrameType::kRefusal, entry, kFraming + entry.code.size());
}

Result<void> Journal::delivered(const DeliveredEntry& entry) {
  return append(FrameType::kDelivered, entry, kFraming);
}

Result<void> Journal::acknowledge(const AckEntry& entry) {
  return append(FrameType::kAck, entry, kFraming);
}

Result<void> Journal::mark_synced(WallTime complete_through) {
  return append(FrameType::kSynced, SyncedEntry{complete_through}, kFraming);
}

Result<void> Journal::write() {
  if (pending_.empty()) {
    return {};
  }
  fail_point("books.before_write");
  TDN_TRY_VOID(file_->write(tail_, pending_.view()));
  tail_ += pending_.size();
  pending_.clear();
  fail_point("books.after_write_before_sync");
  return {};
}

Result<void> Journal::sync() {
  TDN_TRY_VOID(write());
  TDN_TRY_VOID(file_->sync());
  durable_lsn_ = replica_.next_lsn() - 1;
  batch_index_ = 0;
  unsynced_frames_ = 0;
  return {};
}

}  // namespace tdn::books
