// Waiting for something that other code of the same thread makes happen.
//
//   Event   one waiter; `set` wakes it and is remembered until the wait that takes it.
//   sleep   until a moment; what a loop with a period awaits.
//
// Belongs to the loop's thread. From other threads: post a message that sets the event.
#pragma once

#include "io/task.h"

namespace tdn::io {

class Event {
 public:
  Event() = default;
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Wakes the waiter, or lets the next wait return at once.
  void set();
  [[nodiscard]] bool is_set() const { return set_; }
  void reset() { set_ = false; }

  class Wait final : public Waiter {
   public:
    explicit Wait(Event& event) : event_(event) {}
    ~Wait() { drop(); }
    bool await_ready() const noexcept { return event_.set_; }
    template <std::derived_from<PromiseBase> Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
      if (!park(self, *self.promise().context)) {
        return false;
      }
      event_.link(*this);
      return true;
    }
    Wake await_resume() noexcept {
      if (outcome() == Wake::kReady) {
        event_.set_ = false;
      }
      return outcome();
    }

   private:
    void unlink() override { event_.waiting_ = nullptr; }
    Event& event_;
  };
  // `Wake wake = co_await event.wait();` One waiter at a time (asserted). Takes the event.
  [[nodiscard]] Wait wait() { return Wait(*this); }

 private:
  void link(Wait& wait);
  bool set_ = false;
  Wait* waiting_ = nullptr;
};

// `co_await sleep_until(t)`: kReady at `t`, or why not.
class Sleep final : public Waiter, private Timer {
 public:
  explicit Sleep(Instant until) : until_(until) {}
  ~Sleep();
  bool await_ready() const noexcept { return false; }
  template <std::derived_from<PromiseBase> Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) {
    return start(self, *self.promise().context);
  }
  Wake await_resume() const noexcept { return outcome(); }

 private:
  bool start(std::coroutine_handle<> handle, Context& context);
  void fire() override { wake(); }
  void unlink() override;
  Instant until_;
  Loop* loop_ = nullptr;
};
[[nodiscard]] inline Sleep sleep_until(Instant until) { return Sleep(until); }
// From the loop's coarse now.
[[nodiscard]] Sleep sleep_for(Duration duration);

// Lets other ready coroutines run first.
class Yield {
 public:
  bool await_ready() const noexcept { return false; }
  template <std::derived_from<PromiseBase> Promise>
  void await_suspend(std::coroutine_handle<Promise> self) {
    queue(self);
  }
  void await_resume() const noexcept {}

 private:
  static void queue(std::coroutine_handle<> handle);
};
[[nodiscard]] inline Yield yield() { return {}; }

}  // namespace tdn::io
