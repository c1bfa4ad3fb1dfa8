// The edge's books as the request path writes them; implemented by the journal (src/books). One
// object per shard, used on that shard's thread only.
//
//   auto admission = books.admit(draft, price, annexes, waiter);  // at dispatch
//   books.checkpoint(*admission, {.leg = 0, …});                  // each second or 256 tokens
//   books.settle(*admission, record, annexes, &waiter);           // once; then hold the finish
//   waiter.on_durable(seq)                                        // release it
//   books.delivered(seq);                                         // the client has it
//
// What one turn of the shard's loop produced is handed over as one message at its end; what nobody
// waits for may be kept a moment longer, for a later turn to take along. Exactly one
// of `settle` and `refuse` ends each admission; the process dying instead makes an orphan at next
// start.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "meter/annex.h"
#include "meter/price.h"
#include "meter/usage_record.h"

namespace tdn::meter {

// Embedded in what waits for durability (a coroutine's awaiter, a request). Destroying or
// cancelling it is always safe: the books then still write, and tell nobody.
class DurableWaiter {
 public:
  DurableWaiter() = default;
  DurableWaiter(const DurableWaiter&) = delete;
  DurableWaiter& operator=(const DurableWaiter&) = delete;

  [[nodiscard]] bool is_waiting() const { return place_ != nullptr; }
  void cancel() {
    if (place_ != nullptr) {
      *place_ = nullptr;
      place_ = nullptr;
    }
  }

  // For implementations of Books: remembers where a pointer to this is kept, and ends the wait.
  void wait_at(DurableWaiter** place) {
    place_ = place;
    *place = this;
  }
  void finish(std::uint64_t seq) {
    place_ = nullptr;
    on_durable(seq);
  }

 protected:
  ~DurableWaiter() { cancel(); }

 private:
  // Once, from the shard's loop, unless cancelled before: what was waited for is on disk. `seq` is
  // the record's, 0 for an admission. May call the books and destroy the waiter.
  virtual void on_durable(std::uint64_t seq) = 0;

  DurableWaiter** place_ = nullptr;
};

// Names an open admission to the shard's own books.
struct AdmissionHandle {
  std::uint32_t slot = 0;
};

struct Annexes {
  TenantAnnex tenant;
  OperatorAnnex ours;
};

// Cumulative, as everything that engines report.
struct Progress {
  std::uint64_t leg = 0;
  Uid endpoint;
  const UsageVector& usage;
};

class Books {
 public:
  virtual ~Books() = default;

  // False while the disk is full or the books are closing: refuse new requests with
  // storage_unavailable before doing work for them.
  [[nodiscard]] virtual bool accepting() const = 0;

  // Opens the admission of a request that is about to be dispatched. `draft` is its record as far
  // as it is known: parties, model, price, `reported` holding the input as counted; from it an
  // orphan is settled at `price`. The books fill in edge and epoch, and the annexes' hashes. With a
  // waiter, sync is asked for at once (a stream: its first byte waits); without, the settlement's
  // sync covers both. kStorageUnavailable if not accepting.
  [[nodiscard]] virtual Result<AdmissionHandle> admit(UsageRecord& draft, const ListPrice& price,
                                                      const Annexes& annexes,
                                                      DurableWaiter* waiter) = 0;

  // What a leg has consumed so far.
  virtual void checkpoint(AdmissionHandle admission, const Progress& progress) = 0;

  // The end. Fills in edge, epoch and the annexes' hashes; the journal assigns `seq`, `prev` and
  // the admission's lsn. The handle is no longer valid. Never fails: its space was claimed at
  // admission.
  virtual void settle(AdmissionHandle admission, UsageRecord& record, const Annexes& annexes,
                      DurableWaiter* waiter) = 0;

  // The end of a request that nothing came of: no endpoint took it, no record, nothing billed.
  virtual void refuse(AdmissionHandle admission, Code code) = 0;

  // The client was sent all of what record `seq` bills. Lazy: lost if the process dies soon.
  virtual void delivered(std::uint64_t seq) = 0;

  // Hands over, now, everything that was produced.
  virtual void flush() = 0;
};

}  // namespace tdn::meter
