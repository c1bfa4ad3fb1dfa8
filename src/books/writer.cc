#include "books/writer.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "base/fail_point.h"
#include "base/log.h"

namespace tdn::books {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRetryPeriod = 1s;
// The mark tells readers how far the journal is complete. It comes when a moment passed without
// work, and under steady load each second: never in the way of a request.
constexpr Duration kMarkAfterIdle = 200ms;
constexpr Duration kMarkAtLeast = 1s;
// A record's settlement time is read during a turn of a shard's loop, the record handed over at its
// end.
constexpr std::int64_t kLongestTurnUs = 100'000;

}  // namespace

Writer::Writer(Journal& journal, Space& space, const Clock& clock, PlantedBug bug)
    : journal_(journal),
      space_(space),
      clock_(clock),
      bug_(bug),
      first_unmarked_(clock.now()),
      last_work_(clock.now()) {
  space_.set_accepting(!journal_.is_full());
  next_reserve_ = journal_.is_full() ? clock_.now() + kRetryPeriod : kNever;
  tell_uploader();
}

void Writer::rouse() {
  if (!urgent_.exchange(true, std::memory_order_seq_cst) && signal_ != nullptr) {
    signal_->work_arrived();
  }
}

void Writer::push(Handover& handover) {
  const bool wakes = handover.urgency != Urgency::kLazy;
  Handover* head = queue_.load(std::memory_order_relaxed);
  do {
    handover.next = head;
  } while (!queue_.compare_exchange_weak(head, &handover, std::memory_order_release,
                                         std::memory_order_relaxed));
  // The handover is no longer ours here.
  if (wakes && !urgent_.exchange(true, std::memory_order_seq_cst) && signal_ != nullptr) {
    signal_->work_arrived();
  }
}

Result<bool> Writer::write() {
  if (journal_.is_full() && clock_.now() >= next_reserve_) {
    TDN_TRY_VOID(journal_.try_reserve());
  }
  complete_through_ = {clock_.wall().us - kLongestTurnUs};
  // Cleared before taking: what is pushed afterwards sets it again.
  urgent_.exchange(false, std::memory_order_seq_cst);
  Handover* newest = queue_.exchange(nullptr, std::memory_order_acquire);
  Handover* oldest = nullptr;
  while (newest != nullptr) {
    Handover* const next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  if (oldest != nullptr) {
    last_work_ = clock_.now();
    first_unmarked_ = std::min(first_unmarked_, last_work_);
  }
  for (Handover* handover = oldest; handover != nullptr;) {
    Handover* const next = handover->next;
    TDN_TRY_VOID(write(*handover));
    wants_sync_ = wants_sync_ || handover->wants_sync;
    written_.push_back(handover);
    handover = next;
  }
  if (desk_.asked()) {
    TDN_TRY_VOID(serve_uploader());
  }
  TDN_TRY_VOID(journal_.write());
  update_space();
  if (!refreshing_.empty() && !wants_sync_) {
    tell_uploader();
  }
  if (bug_ == PlantedBug::kReleaseBeforeSync) {
    send_back();
  }
  return wants_sync_;
}

Result<void> Writer::serve_uploader() {
  OutboxDesk::Asked asked = desk_.take();
  // While the disk is full, room is for the ends of requests; what is dropped here control says
  // again with its next answer.
  if (asked.ack &&
      (!journal_.is_full() || journal_.room() >= journal_.options().segment_bytes / 32)) {
    fail_point("books.before_ack_frame");
    TDN_TRY_VOID(journal_.acknowledge(*asked.ack));
    fail_point("books.after_ack_frame");
    prune_due_ = true;
    wants_sync_ = wants_sync_ || journal_.is_full();  // there is room to be had
    last_work_ = clock_.now();
    first_unmarked_ = std::min(first_unmarked_, last_work_);
  }
  refreshing_.insert(refreshing_.end(), std::make_move_iterator(asked.waiting.begin()),
                     std::make_move_iterator(asked.waiting.end()));
  wants_sync_ = wants_sync_ || (!refreshing_.empty() && !journal_.is_durable());
  return {};
}

// Right after a sync, or when there was nothing to sync.
void Writer::tell_uploader() {
  const Replica& replica = journal_.replica();
  desk_.publish({.epoch = replica.epoch(),
                 .log = journal_.log(),
                 .last_seq = replica.last_seq(),
                 .acked = replica.ack().acked,
                 .keep_from = replica.ack().keep_from,
                 .complete_through = complete_through_,
                 .complete_seq = replica.last_seq()});
  for (const OutboxDesk::Done& done : std::exchange(refreshing_, {})) {
    done();
  }
}

Result<void> Writer::write(Handover& handover) {
  std::size_t at = 0;
  for (const Operation& operation : handover.operations) {
    TDN_TRY_VOID(write(handover, operation, handover.bytes.view(at, operation.bytes)));
    at += operation.bytes;
    space_.release(operation.release);
  }
  return {};
}

std::uint64_t& Writer::admission_lsn(const Handover& handover, const Operation& operation) {
  if (handover.shard() >= admissions_.size()) {
    admissions_.resize(handover.shard() + 1);
  }
  std::vector<std::uint64_t>& slots = admissions_[handover.shard()];
  if (operation.slot >= slots.size()) {
    slots.resize(std::max<std::size_t>(operation.slot + 1, slots.size() * 2));
  }
  return slots[operation.slot];
}

Result<void> Writer::write(Handover& handover, const Operation& operation, ByteView bytes) {
  switch (operation.type) {
    case FrameType::kAdmission: {
      TDN_TRY(admission_lsn(handover, operation), journal_.admit(bytes));
      return {};
    }
    case FrameType::kSettlement: {
      const std::size_t draft = operation.draft.size();
      TDN_TRY(const std::uint64_t seq,
              journal_.settle({.admission_lsn = admission_lsn(handover, operation),
                               .parts = operation.draft,
                               .pieces = bytes.first(draft),
                               .tenant_annex = bytes.subspan(draft, operation.tenant_annex_bytes),
                               .operator_annex = bytes.last(operation.operator_annex_bytes)}));
      if (operation.waiter != kNoWaiter) {
        handover.results[operation.waiter] = seq;
      }
      return {};
    }
    case FrameType::kRefusal:
      return journal_.refuse({admission_lsn(handover, operation), text_of(bytes)});
    case FrameType::kProgress:
      // Without a reserve the space left belongs to the ends of requests.
      return journal_.is_full()
                 ? Result<void>{}
                 : journal_.progress({.admission = admission_lsn(handover, operation),
                                      .leg = operation.number,
                                      .endpoint = operation.endpoint,
                                      .usage = bytes});
    default:
      TDN_ASSERT(operation.type == FrameType::kDelivered);
      return journal_.is_full() ? Result<void>{} : journal_.delivered({operation.number});
  }
}

void Writer::update_space() {
  const bool full = journal_.is_full();
  const bool was_full = next_reserve_ != kNever;
  if (full && !was_full) {
    log_error("books", "disk full: no request is admitted until there is space for a segment",
              {{"dir", journal_.options().dir}, {"bytes", journal_.options().segment_bytes}});
  } else if (!full && was_full) {
    log_info("books", "there is space again: admitting requests");
  }
  if (!full) {
    next_reserve_ = kNever;
  } else if (!was_full || clock_.now() >= next_reserve_) {
    next_reserve_ = clock_.now() + kRetryPeriod;
  }
  space_.set_accepting(!full);
}

Result<void> Writer::sync_journal() {
  TDN_TRY_VOID(journal_.sync());
  if (std::exchange(prune_due_, false)) {
    // Not before: what is gone must not be asked for again by a start that knows of no ack.
    TDN_TRY_VOID(journal_.prune());
  }
  tell_uploader();
  return {};
}

Result<void> Writer::sync() {
  TDN_TRY_VOID(sync_journal());
  wants_sync_ = false;
  fail_point("books.after_sync_before_release");
  return {};
}

void Writer::release() {
  TDN_ASSERT(!wants_sync_);
  send_back();
}

void Writer::send_back() {
  for (Handover* handover : written_) {
    handover->send_back();
  }
  written_.clear();
}

Instant Writer::mark_due() const {
  if (first_unmarked_ == kNever || journal_.is_full()) {
    return kNever;
  }
  return std::min(last_work_ + kMarkAfterIdle, first_unmarked_ + kMarkAtLeast);
}

Result<void> Writer::rest() { return clock_.now() < mark_due() ? Result<void>{} : mark(); }

Result<void> Writer::mark() {
  if (!journal_.is_durable()) {
    TDN_TRY_VOID(sync_journal());
  }
  first_unmarked_ = kNever;
  TDN_TRY_VOID(journal_.mark_synced(complete_through_));
  return journal_.write();
}

Result<void> Writer::close() {
  TDN_TRY_VOID(write());
  TDN_TRY_VOID(sync());
  release();
  space_.set_accepting(false);
  for (const OutboxDesk::Done& done : desk_.close()) {
    done();
  }
  return journal_.is_full() ? Result<void>{} : mark();
}

}  // namespace tdn::books
