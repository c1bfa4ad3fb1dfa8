// A real loop for tests with real child processes. The loop's clock stands still until a test moves
// it, so what depends on time is exact; ends of processes arrive as they happen.
#pragma once

#include <functional>
#include <string>

#include "io/epoll.h"
#include "io/task_group.h"
#include "local/child.h"
#include "local/test_folder.h"

namespace tdn::local {

class TestProcesses {
 public:
  TestProcesses() : poller(clock), loop(clock, poller), group(loop) {}

  // Turns the loop until `done` says so, letting `per_turn` pass each time.
  void until(const std::function<bool()>& done, Duration per_turn = {}) {
    while (!done()) {
      loop.run_once(loop.now() + std::chrono::milliseconds(10));
      clock.advance(per_turn);
    }
  }
  // What is possible now, without waiting.
  void settle() {
    while (loop.run_once(loop.now())) {
    }
  }

  [[nodiscard]] Command shell(const std::string& script) const {
    return {.words = {"/bin/sh", "-c", script}, .log_file = folder / "log"};
  }
  // A process that stays until it is killed, and ends by SIGTERM.
  static constexpr const char* kStay = "exec tail -f /dev/null";

  ManualClock clock;
  TestFolder folder;
  io::EpollPoller poller;
  io::Loop loop;
  io::TaskGroup group;
};

}  // namespace tdn::local
