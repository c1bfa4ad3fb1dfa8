// What one strand of control (a request, a connection, a background loop) obeys: a deadline and a
// cancellation. Every coroutine of the strand shares the context of its root, and whichever await
// the strand is parked in, reading, writing, connecting, a timer, a pool job, an event, is woken by
// it.
//
//   cancel(code)      for good: this await and all later ones answer Wake::kCancelled.
//   deadline passed   until moved: awaits answer Wake::kTimeout until a later deadline is set.
//
// One timer per context. Moving the deadline later writes an integer; the timer finds out when it
// fires. Waking puts the coroutine into the loop's run queue, never resumes it in place.
//
// Belongs to its loop's thread.
#pragma once

#include <coroutine>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "io/timer.h"

namespace tdn::io {

class Context;
class Loop;

// How an await ended.
enum class Wake : std::uint8_t { kReady, kTimeout, kCancelled };

// A parked coroutine. Derived awaiters say how to leave what they wait in. An awaiter that is
// destroyed while parked (its frame is dropped) leaves by itself, if its destructor calls `drop`.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // The awaited thing happened: unparks and queues the coroutine. The caller has unlinked it.
  void wake();
  [[nodiscard]] bool parked() const { return context_ != nullptr; }

 protected:
  ~Waiter() = default;
  // Parks unless the context is already over, in which case the await must not suspend (false).
  bool park(std::coroutine_handle<> handle, Context& context);
  // For destructors: forgets the coroutine without resuming it.
  void drop();
  // How it ended, for await_resume.
  [[nodiscard]] Wake outcome() const { return outcome_; }
  void set_outcome(Wake outcome) { outcome_ = outcome; }

 private:
  friend class Context;
  virtual void unlink() = 0;  // leave the stream, timer or queue this is parked in

  std::coroutine_handle<> handle_;
  Context* context_ = nullptr;
  Wake outcome_ = Wake::kReady;
};

class Context final : private Timer {
 public:
  explicit Context(Loop& loop);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // kNever for none. In the past: the next await times out at once.
  void set_deadline(Instant deadline);
  [[nodiscard]] Instant deadline() const { return deadline_; }

  // The first call decides the reason.
  void cancel(Code reason = Code::kCancelled);
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  // For a strand that was told to stop and must still say goodbye (settle, end a stream): it may
  // wait again, under deadlines of its own. `reason` stays.
  void clear_cancel() { cancelled_ = false; }
  // Why, once cancelled.
  [[nodiscard]] Code reason() const { return reason_; }

  [[nodiscard]] Loop& loop() const { return *loop_; }
  // kReady while neither cancelled nor past the deadline.
  [[nodiscard]] Wake state() const;

 private:
  friend class Waiter;
  void fire() override;
  void wake(Wake outcome);

  Loop* loop_;
  Waiter* waiter_ = nullptr;
  Instant deadline_ = kNever;
  bool cancelled_ = false;
  Code reason_ = Code::kCancelled;
};

// Narrows the deadline for a block of code and puts the former one back: an attempt's time inside
// the request's. Never widens.
class DeadlineScope {
 public:
  DeadlineScope(Context& context, Instant deadline)
      : context_(context), former_(context.deadline()) {
    context_.set_deadline(deadline < former_ ? deadline : former_);
  }
  ~DeadlineScope() { context_.set_deadline(former_); }
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;
  // Moves the inner deadline, still not beyond the outer one.
  void set(Instant deadline) { context_.set_deadline(deadline < former_ ? deadline : former_); }

 private:
  Context& context_;
  Instant former_;
};

// kTimeout and kCancelled as errors; `doing` completes "timed out while …".
[[nodiscard]] Result<void> to_failure(Wake wake, std::string_view doing);
[[nodiscard]] inline Result<void> to_result(Wake wake, std::string_view doing) {
  if (wake == Wake::kReady) [[likely]] {
    return {};
  }
  return to_failure(wake, doing);
}

}  // namespace tdn::io
