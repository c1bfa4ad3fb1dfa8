// One thread's event loop: a run queue of coroutines, timers, a mailbox for other threads, and
// below them a `Poller` that knows where readiness and time come from: epoll on a real machine, the
// event queue of the simulator. Everything above it is the same code in both.
//
// A turn: wait for readiness or the next timer; take the mail; fire timers; run coroutines until
// none is ready; call the turn hooks (the books hand over what the turn produced); sleep again.
//
// Belongs to the thread that runs it, except `mailbox()` and `stop()`.
#pragma once

#include <atomic>
#include <coroutine>
#include <vector>

#include "base/time.h"
#include "io/mailbox.h"
#include "io/timer.h"

namespace tdn::io {

class Poller {
 public:
  virtual ~Poller() = default;
  // Collects readiness (which wakes waiters), at most until `until`; returns at once if that is
  // past.
  virtual void poll(Instant until) = 0;
  // Makes a running or the next `poll` return soon. From any thread.
  virtual void interrupt() = 0;
};

// Called at the end of every turn that ran something.
class TurnHook {
 public:
  virtual void end_of_turn() = 0;

 protected:
  ~TurnHook() = default;
};

class Loop {
 public:
  // Both are borrowed and outlive the loop.
  Loop(const Clock& clock, Poller& poller);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The loop that runs on this thread, or was made on it first; asserts that there is one.
  [[nodiscard]] static Loop& current();

  // Makes a loop the current one for calls into its code from outside a turn, where one thread has
  // several: the simulator's machines.
  class Entered {
   public:
    explicit Entered(Loop& loop);
    ~Entered();
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    Loop* before_;
  };

  // Until `stop`. `run_once` is one turn: false if nothing was ready, due or posted.
  void run();
  bool run_once(Instant until);
  void stop();  // from any thread

  // The time at the start of this turn, a coarse clock that costs nothing.
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] TimerHeap& timers() { return timers_; }
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }
  [[nodiscard]] Poller& poller() { return poller_; }

  void ready(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  // Simulated crash: forgets what was about to run; its frames are destroyed by their owners.
  void forget_ready() { ready_.clear(); }

  void add_turn_hook(TurnHook& hook) { hooks_.push_back(&hook); }
  void remove_turn_hook(TurnHook& hook);

 private:
  void run_ready();

  const Clock& clock_;
  Poller& poller_;
  Instant now_;
  TimerHeap timers_;
  Mailbox mailbox_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  std::vector<TurnHook*> hooks_;
  bool passed_poll_ = false;
  std::atomic<bool> stopping_ = false;
};

}  // namespace tdn::io
