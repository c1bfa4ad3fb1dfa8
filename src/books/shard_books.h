// One shard's side of the books: encodes what the request path says into a handover, gives it to
// the writer at the end of a turn of the loop, and wakes the waiters of those that come back.
//
// A turn whose output is urgent to nobody, admissions without a waiter, keeps it for the next one:
// so a request that is answered soon wakes the writer once, not twice. The first that is kept arms
// a timer, at whose end all goes out.
//
// Bounds: open admissions by the journal's space (books/space.h); handovers on the way by
// kMostHandovers, beyond which a turn's output joins the next one's. In the steady state nothing is
// allocated.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "books/handover.h"
#include "books/space.h"
#include "books/writer.h"
#include "io/loop.h"
#include "io/timer.h"
#include "meter/books.h"

namespace tdn::books {

struct EdgeIdentity {
  Uid edge;
  std::uint32_t epoch = 1;
};

class ShardBooks final : public meter::Books,
                         public io::TurnHook,
                         private HandoverOwner,
                         private io::Timer {
 public:
  // How long an admission that nobody waits for may wait for company. What a process that is killed
  // before then has admitted, it has not answered either: no record, nothing billed.
  static constexpr Duration kPatience = std::chrono::milliseconds(5);

  // All but the identity borrowed. Outlives the writer, which may hold its handovers, and the
  // loop's mail. Flush before the loop ends, or die before it with what is still kept.
  ShardBooks(const EdgeIdentity& identity, std::uint32_t shard, Writer& writer, Space& space,
             io::Mailbox& mailbox);
  ~ShardBooks() override;
  ShardBooks(const ShardBooks&) = delete;
  ShardBooks& operator=(const ShardBooks&) = delete;

  [[nodiscard]] bool accepting() const override { return space_.accepting(); }
  [[nodiscard]] Result<meter::AdmissionHandle> admit(meter::UsageRecord& draft,
                                                     const meter::ListPrice& price,
                                                     const meter::Annexes& annexes,
                                                     meter::DurableWaiter* waiter) override;
  void checkpoint(meter::AdmissionHandle admission, const meter::Progress& progress) override;
  void settle(meter::AdmissionHandle admission, meter::UsageRecord& record,
              const meter::Annexes& annexes, meter::DurableWaiter* waiter) override;
  void refuse(meter::AdmissionHandle admission, Code code) override;
  void delivered(std::uint64_t seq) override;
  void flush() override;

  void end_of_turn() override;

  [[nodiscard]] std::size_t open_admissions() const { return slots_.size() - free_slots_.size(); }

 private:
  static constexpr std::size_t kMostHandovers = 64;

  struct Slot {
    std::uint64_t claimed = 0;  // for the settlement
    bool open = false;
  };

  void returned(Handover& handover) override;
  void fire() override { flush(); }
  Handover& current();
  Operation& add(FrameType type, meter::DurableWaiter* waiter);
  // Appends the annexes' bytes behind what `operation` has, and their hashes to the record.
  void add_annexes(const meter::Annexes& annexes, meter::UsageRecord& record, ByteBuffer& out,
                   Operation& operation);
  std::uint32_t take_slot();
  // Ends the admission; what it had claimed.
  std::uint64_t free_slot(meter::AdmissionHandle admission);

  const EdgeIdentity identity_;
  const std::uint32_t shard_;
  Writer& writer_;
  Space& space_;
  io::Mailbox& mailbox_;

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;

  std::vector<std::unique_ptr<Handover>> handovers_;
  std::vector<Handover*> idle_;
  Handover* current_ = nullptr;
  io::Loop* loop_ = nullptr;  // whose timer is armed

  ByteBuffer pieces_;
  ByteBuffer annexes_;
  ByteBuffer draft_;
};

}  // namespace tdn::books
