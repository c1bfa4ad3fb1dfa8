// What one turn of a shard's loop produced for the journal, on its way to the writer and back. The
// same object returns to its shard, as mail, once everything in it is durable, and is used again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/byte_buffer.h"
#include "books/frame.h"
#include "io/mailbox.h"
#include "meter/books.h"
#include "meter/usage_record.h"

namespace tdn::books {

inline constexpr std::uint32_t kNoWaiter = UINT32_MAX;

// One frame to be. Its bytes follow those of the one before in the handover's buffer:
// admission: payload; progress: usage map; settlement: draft, tenant annex, operator annex;
// refusal: code.
struct Operation {
  FrameType type = FrameType::kAdmission;
  std::uint32_t slot = 0;  // of the admission, on its shard
  std::uint32_t waiter = kNoWaiter;
  std::uint32_t bytes = 0;
  std::uint32_t tenant_annex_bytes = 0;  // of `bytes`
  std::uint32_t operator_annex_bytes = 0;
  meter::EncodedDraft draft;
  std::uint64_t number = 0;   // progress: leg; delivered: seq
  std::uint64_t release = 0;  // claimed space that is free again once the frame is written
  Uid endpoint;
};

// How soon the writer should see a handover.
enum class Urgency : std::uint8_t {
  kLazy,  // with whatever comes next
  kSoon,  // within ShardBooks::kPatience
  kNow,
};

class Handover;

// The shard's side.
class HandoverOwner {
 public:
  virtual void returned(Handover& handover) = 0;

 protected:
  ~HandoverOwner() = default;
};

class Handover final : public io::Message {
 public:
  Handover(HandoverOwner& owner, io::Mailbox& mailbox, std::uint32_t shard)
      : owner_(owner), mailbox_(mailbox), shard_(shard) {}
  // Whoever still waits is never told.
  ~Handover() {
    for (meter::DurableWaiter* waiter : waiters) {
      if (waiter != nullptr) {
        waiter->cancel();
      }
    }
  }

  void receive() override { owner_.returned(*this); }
  // Remembers whom to tell; its place in `results`.
  std::uint32_t add_waiter(meter::DurableWaiter& waiter) {
    if (waiters.size() == waiters.capacity()) {
      grow_waiters();
    }
    waiters.push_back(nullptr);
    waiter.wait_at(&waiters.back());
    results.push_back(0);
    return static_cast<std::uint32_t>(waiters.size() - 1);
  }
  void wake_writer(Urgency wanted) { urgency = std::max(urgency, wanted); }

  void send_back() { wakes_shard ? mailbox_.post(*this) : mailbox_.post_quietly(*this); }
  void clear() {
    operations.clear();
    bytes.clear();
    waiters.clear();
    results.clear();
    wants_sync = false;
    urgency = Urgency::kLazy;
    wakes_shard = false;
  }
  [[nodiscard]] std::uint32_t shard() const { return shard_; }

  std::vector<Operation> operations;
  ByteBuffer bytes;
  std::vector<meter::DurableWaiter*> waiters;  // the shard's alone; null: cancelled
  std::vector<std::uint64_t> results;          // one per waiter, written by the writer
  bool wants_sync = false;
  Urgency urgency = Urgency::kLazy;
  bool wakes_shard = false;  // somebody waits for it, or for room for more

  Handover* next = nullptr;  // in the writer's queue

 private:
  // Waiters know where the pointer to them is.
  void grow_waiters() {
    waiters.reserve(std::max<std::size_t>(16, waiters.capacity() * 2));
    for (meter::DurableWaiter*& place : waiters) {
      if (place != nullptr) {
        place->wait_at(&place);
      }
    }
  }

  HandoverOwner& owner_;
  io::Mailbox& mailbox_;
  std::uint32_t shard_;
};

}  // namespace tdn::books
