// What every role's main thread stands on: a loop over real sockets, a pool for blocking calls,
// signals.
#pragma once

#include <functional>
#include <initializer_list>

#include "io/blocking_pool.h"
#include "io/epoll.h"
#include "io/signals.h"
#include "io/task_group.h"
#include "io/tcp.h"

namespace tdn::app {

struct MainLoop {
  // Runs the loop until the task has its result. `on_signal` hears of `signals`, which main has
  // blocked.
  [[nodiscard]] Result<void> run(io::Task<Result<void>> task, std::initializer_list<int> signals,
                                 std::function<void(int)> on_signal);
  // The same of a command, which tells its failures itself: its exit status.
  [[nodiscard]] int run_command(
      io::Task<int> task, std::initializer_list<int> signals = {},
      std::function<void(int)> on_signal = [](int) {});

  io::EpollPoller poller{system_clock()};
  io::Loop loop{system_clock(), poller};
  io::BlockingPool pool{2};
  io::TcpNetwork network{loop, poller, pool};
};

}  // namespace tdn::app
