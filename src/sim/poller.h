// The bottom of a simulated world: one queue of things that will happen, and a clock that jumps
// from one to the next. It takes epoll's place under `io::Loop`, so that everything above,
// coroutines, timers, mailboxes, the product itself, runs unchanged: on one thread, in no real
// time, and decided by nothing but what was put into the queue.
//
//   ManualClock clock; Trace trace(clock);
//   SimPoller poller(clock);
//   io::Loop loop(clock, poller);
//   while (!done && loop.run_once(kNever) | !poller.exhausted()) {}
//
// Events of one moment happen in the order in which they were asked for, one per `poll`: a turn of
// the loop sees the smallest change, and a crash can fall between any two.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "io/loop.h"

namespace tdn::sim {

class SimPoller final : public io::Poller {
 public:
  // Moves `clock`, which nobody else moves.
  explicit SimPoller(ManualClock& clock) : clock_(clock) {}

  // `action` runs when the clock gets there; what it refers to must live until then.
  void at(Instant due, std::function<void()> action);
  void after(Duration delay, std::function<void()> action) {
    at(clock_.now() + delay, std::move(action));
  }

  void poll(Instant until) override;
  // Nobody sleeps here.
  void interrupt() override {}

  [[nodiscard]] Instant now() const { return clock_.now(); }
  // Events that happened.
  [[nodiscard]] std::uint64_t events() const { return events_; }
  // The last poll was asked to wait for ever and there was nothing to wait for.
  [[nodiscard]] bool exhausted() const { return exhausted_; }

 private:
  struct Event {
    Instant due;
    std::uint64_t serial;
    std::function<void()> action;
  };
  // For a heap whose front happens first.
  static bool later(const Event& a, const Event& b) {
    return a.due != b.due ? a.due > b.due : a.serial > b.serial;
  }

  ManualClock& clock_;
  std::vector<Event> heap_;
  std::uint64_t next_serial_ = 0;
  std::uint64_t events_ = 0;
  bool exhausted_ = false;
};

}  // namespace tdn::sim
