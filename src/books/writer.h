// Between the shards and the journal: takes what they handed over, writes it, syncs it, sends it
// back. The steps are separate calls without waiting or threads, so that the real writer thread
// (books/writer_thread.h) and a simulated job drive the same code:
//
//   write()    takes everything that waits; true if a sync must follow
//   sync()     the journal's
//   release()  all that was written goes back to its shards
//   rest()     when all has been on disk for a moment, says so in the journal
//
// `push` may be called from any thread, the rest from one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "books/handover.h"
#include "books/journal.h"
#include "books/outbox_desk.h"
#include "books/space.h"

namespace tdn::books {

// Told, from any thread, that the writer has something to do.
class WriterSignal {
 public:
  virtual void work_arrived() = 0;

 protected:
  ~WriterSignal() = default;
};

// Mistakes that the simulator must catch, to prove that it would. Tests only.
enum class PlantedBug : std::uint8_t { kNone, kReleaseBeforeSync };

class Writer {
 public:
  // All borrowed.
  Writer(Journal& journal, Space& space, const Clock& clock, PlantedBug bug = PlantedBug::kNone);

  // Before the first push.
  void set_signal(WriterSignal& signal) { signal_ = &signal; }
  void push(Handover& handover);

  // Meets the uploader there. After asking for something, `rouse`; both from any thread.
  [[nodiscard]] OutboxDesk& desk() { return desk_; }
  void rouse();

  // Whether a handover waits that should not be left waiting.
  [[nodiscard]] bool has_work() const { return urgent_.load(std::memory_order_acquire); }
  // Whether the next batch may need another segment, whose making takes a while.
  [[nodiscard]] bool is_near_segment_end() const { return journal_.room() < kSegmentMargin; }
  // When these are to be called even without work: each second while the disk is full, and a
  // moment after the last work, to mark the journal.
  [[nodiscard]] Instant next_retry() const { return std::min(next_reserve_, mark_due()); }

  // After an Error from any of these the journal's state is unknown: the process must end.
  [[nodiscard]] Result<bool> write();
  [[nodiscard]] Result<void> sync();
  void release();
  [[nodiscard]] Result<void> rest();

  // The last act: everything that waits, durable, and marked so.
  [[nodiscard]] Result<void> close();

 private:
  static constexpr std::uint64_t kSegmentMargin = std::uint64_t{256} << 10U;

  Result<void> mark();
  Result<void> serve_uploader();
  Result<void> sync_journal();
  void tell_uploader();
  Result<void> write(Handover& handover);
  Result<void> write(Handover& handover, const Operation& operation, ByteView bytes);
  [[nodiscard]] std::uint64_t& admission_lsn(const Handover& handover, const Operation& operation);
  void update_space();
  [[nodiscard]] Instant mark_due() const;
  void send_back();

  Journal& journal_;
  Space& space_;
  const Clock& clock_;
  const PlantedBug bug_;
  OutboxDesk desk_;
  WriterSignal* signal_ = nullptr;

  std::atomic<Handover*> queue_ = nullptr;  // newest first
  std::atomic<bool> urgent_ = false;

  std::vector<Handover*> written_;                      // not yet sent back
  bool wants_sync_ = false;                             // one of them does
  std::vector<std::vector<std::uint64_t>> admissions_;  // shard, slot → lsn
  Instant next_reserve_ = kNever;
  Instant first_unmarked_;  // work since the last `synced` mark; kNever: none
  Instant last_work_;
  std::vector<OutboxDesk::Done> refreshing_;  // told once the disk has it all
  bool prune_due_ = false;                    // an ack was written since the last sync
  WallTime complete_through_;  // everything settled until then has been taken from the queue
};

}  // namespace tdn::books
