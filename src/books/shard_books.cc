#include "books/shard_books.h"

#include "base/assert.h"
#include "base/fail_point.h"
#include "books/entry.h"
#include "codec/sha256.h"

namespace tdn::books {
namespace {

// What a settlement may take beyond its admission: counts, times, legs.
constexpr std::uint64_t kSettlementGrowth = 1536;

}  // namespace

ShardBooks::ShardBooks(const EdgeIdentity& identity, std::uint32_t shard, Writer& writer,
                       Space& space, io::Mailbox& mailbox)
    : identity_(identity), shard_(shard), writer_(writer), space_(space), mailbox_(mailbox) {}

ShardBooks::~ShardBooks() {
  if (armed()) {
    loop_->timers().disarm(*this);
  }
}

Handover& ShardBooks::current() {
  if (current_ == nullptr) {
    if (idle_.empty()) {
      handovers_.push_back(
          std::make_unique<Handover>(static_cast<HandoverOwner&>(*this), mailbox_, shard_));
      idle_.push_back(handovers_.back().get());
    }
    current_ = idle_.back();
    idle_.pop_back();
  }
  return *current_;
}

Operation& ShardBooks::add(FrameType type, meter::DurableWaiter* waiter) {
  Handover& handover = current();
  Operation& operation = handover.operations.emplace_back();
  operation.type = type;
  if (waiter != nullptr) {
    operation.waiter = handover.add_waiter(*waiter);
    handover.wants_sync = true;
    handover.wake_writer(Urgency::kNow);
  }
  return operation;
}

void ShardBooks::add_annexes(const meter::Annexes& annexes, meter::UsageRecord& record,
                             ByteBuffer& out, Operation& operation) {
  const std::size_t start = out.size();
  encode(annexes.tenant, out);
  const std::size_t middle = out.size();
  encode(annexes.ours, out);
  operation.tenant_annex_bytes = static_cast<std::uint32_t>(middle - start);
  operation.operator_annex_bytes = static_cast<std::uint32_t>(out.size() - middle);
  TDN_ASSERT(operation.tenant_annex_bytes <= meter::kMaxAnnexBytes &&
             operation.operator_annex_bytes <= meter::kMaxAnnexBytes);
  const auto hash = [](ByteView annex) {
    return annex.empty() ? meter::Digest{} : codec::sha256(annex);
  };
  record.tenant_annex = hash(out.view(start, middle - start));
  record.operator_annex = hash(out.view(middle, out.size() - middle));
}

std::uint32_t ShardBooks::take_slot() {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].open = true;
  return slot;
}

std::uint64_t ShardBooks::free_slot(meter::AdmissionHandle admission) {
  Slot& slot = slots_.at(admission.slot);
  TDN_ASSERT(slot.open);  // each admission ends once
  slot.open = false;
  free_slots_.push_back(admission.slot);
  return slot.claimed;
}

Result<meter::AdmissionHandle> ShardBooks::admit(meter::UsageRecord& draft,
                                                 const meter::ListPrice& price,
                                                 const meter::Annexes& annexes,
                                                 meter::DurableWaiter* waiter) {
  draft.edge = identity_.edge;
  draft.epoch = identity_.epoch;
  draft.charged.currency = price.currency;
  annexes_.clear();
  Operation sizes;
  add_annexes(annexes, draft, annexes_, sizes);
  pieces_.clear();
  const meter::EncodedDraft parts = meter::encode_draft(draft, pieces_);
  draft_.clear();
  meter::join_draft(parts, pieces_.view(), {}, draft_);

  Handover& handover = current();
  const std::size_t start = handover.bytes.size();
  encode(AdmissionEntry{.draft = draft_.view(),
                        .tenant_annex = annexes_.view(0, sizes.tenant_annex_bytes),
                        .operator_annex =
                            annexes_.view(sizes.tenant_annex_bytes, sizes.operator_annex_bytes),
                        .price = price},
         handover.bytes);
  const std::size_t payload = handover.bytes.size() - start;
  const std::uint64_t now = frame_bytes(payload);
  const std::uint64_t later = now + kSettlementGrowth;
  if (!space_.accepting() || !space_.try_claim(now + later)) {
    handover.bytes.shrink_to(start);
    return fail(Code::kStorageUnavailable,
                "the edge cannot store usage records at present; retry later or on another edge");
  }
  Operation& operation = add(FrameType::kAdmission, waiter);
  operation.slot = take_slot();
  operation.bytes = static_cast<std::uint32_t>(payload);
  operation.release = now;
  slots_[operation.slot].claimed = later;
  handover.wake_writer(Urgency::kSoon);
  return meter::AdmissionHandle{operation.slot};
}

void ShardBooks::checkpoint(meter::AdmissionHandle admission, const meter::Progress& progress) {
  TDN_ASSERT(slots_.at(admission.slot).open);
  Operation& operation = add(FrameType::kProgress, nullptr);
  Handover& handover = *current_;
  const std::size_t start = handover.bytes.size();
  encode_usage(progress.usage, handover.bytes);
  operation.slot = admission.slot;
  operation.bytes = static_cast<std::uint32_t>(handover.bytes.size() - start);
  operation.number = progress.leg;
  operation.endpoint = progress.endpoint;
  handover.wants_sync = true;
  handover.wake_writer(Urgency::kNow);
}

void ShardBooks::settle(meter::AdmissionHandle admission, meter::UsageRecord& record,
                        const meter::Annexes& annexes, meter::DurableWaiter* waiter) {
  record.edge = identity_.edge;
  record.epoch = identity_.epoch;
  annexes_.clear();
  Operation sizes;
  add_annexes(annexes, record, annexes_, sizes);
  Operation& operation = add(FrameType::kSettlement, waiter);
  Handover& handover = *current_;
  const std::size_t start = handover.bytes.size();
  operation.draft = meter::encode_draft(record, handover.bytes);
  handover.bytes.append(annexes_.view());
  operation.slot = admission.slot;
  operation.bytes = static_cast<std::uint32_t>(handover.bytes.size() - start);
  operation.tenant_annex_bytes = sizes.tenant_annex_bytes;
  operation.operator_annex_bytes = sizes.operator_annex_bytes;
  operation.release = free_slot(admission);
  handover.wants_sync = true;
  handover.wake_writer(Urgency::kNow);
}

void ShardBooks::refuse(meter::AdmissionHandle admission, Code code) {
  Operation& operation = add(FrameType::kRefusal, nullptr);
  const ByteView name = bytes_of(info(code).name);
  current_->bytes.append(name);
  operation.slot = admission.slot;
  operation.bytes = static_cast<std::uint32_t>(name.size());
  operation.release = free_slot(admission);
  current_->wake_writer(Urgency::kNow);
}

void ShardBooks::delivered(std::uint64_t seq) {
  // Does not wake the writer: it goes with the next thing that does.
  add(FrameType::kDelivered, nullptr).number = seq;
}

void ShardBooks::end_of_turn() {
  if (current_ == nullptr || current_->urgency != Urgency::kSoon) {
    flush();
  } else if (!armed()) {
    loop_ = &io::Loop::current();
    loop_->timers().arm(*this, loop_->now() + kPatience);
  }
}

void ShardBooks::flush() {
  if (current_ == nullptr || current_->operations.empty()) {
    return;
  }
  const std::size_t on_the_way = handovers_.size() - idle_.size() - 1;
  if (on_the_way >= kMostHandovers) {
    return;
  }
  fail_point("books.before_handover");
  if (armed()) {
    loop_->timers().disarm(*this);
  }
  Handover* handover = current_;
  current_ = nullptr;
  // With many on the way, this shard may soon have to wait for one to come back.
  const bool many = on_the_way >= kMostHandovers / 2;
  handover->wake_writer(many ? Urgency::kSoon : Urgency::kLazy);
  handover->wakes_shard = many || !handover->results.empty();
  writer_.push(*handover);
}

void ShardBooks::returned(Handover& handover) {
  for (std::size_t i = 0; i < handover.waiters.size(); ++i) {
    if (handover.waiters[i] != nullptr) {
      handover.waiters[i]->finish(handover.results[i]);
    }
  }
  handover.clear();
  idle_.push_back(&handover);
}

}  // namespace tdn::books
