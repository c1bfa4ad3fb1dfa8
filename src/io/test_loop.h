// A loop for unit tests: time stands still until the test advances it, nothing sleeps, and a test
// runs a coroutine to its end. Reusable by every module above io.
#pragma once

#include <optional>
#include <utility>

#include "base/assert.h"
#include "io/loop.h"
#include "io/task_group.h"

namespace tdn::io {

class TestLoop {
 public:
  TestLoop() : loop(clock, poller), group(loop) {}
  ~TestLoop() {
    group.cancel();
    settle();
  }

  // Runs until nothing more happens at this moment.
  void settle() {
    while (loop.run_once(loop.now())) {
    }
  }
  // Advances from timer to timer, up to `by` later.
  void advance(Duration by) {
    const Instant end = clock.now() + by;
    settle();
    while (loop.timers().next() <= end) {
      clock.advance(std::max(loop.timers().next() - clock.now(), Duration::zero()));
      loop.run_once(clock.now());
      settle();
    }
    clock.advance(end - clock.now());
    loop.run_once(clock.now());
    settle();
  }
  // The task's value; it must end without time passing.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    group.spawn(keep(std::move(task), value));
    settle();
    TDN_ASSERT(value.has_value());
    return std::move(*value);
  }
  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>& value) {
    value.emplace(co_await task);
  }

  struct NoPoller final : Poller {
    void poll(Instant) override {}
    void interrupt() override {}
  };
  ManualClock clock;
  NoPoller poller;
  Loop loop;
  TaskGroup group;
};

}  // namespace tdn::io
