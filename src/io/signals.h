// Signals as events of a loop. `block_signals` is called first thing in main, before any thread is
// made, so that every thread inherits the mask and the signals arrive here only.
#pragma once

#include <functional>
#include <initializer_list>

#include "io/epoll.h"

namespace tdn::io {

// Also ignores SIGPIPE.
void block_signals(std::initializer_list<int> signals);
// What SIGPIPE would have told of a descriptor: nobody will read what is written there.
[[nodiscard]] bool reader_is_gone(int fd);
// In a child, before exec.
void unblock_all_signals();

class SignalWatcher final : private EpollSource {
 public:
  // Calls `on_signal` on the loop's thread for each of `signals`, which must be blocked.
  SignalWatcher(EpollPoller& poller, std::initializer_list<int> signals,
                std::function<void(int signal)> on_signal);
  ~SignalWatcher();

 private:
  void on_ready(Readiness ready) override;
  EpollPoller& poller_;
  int fd_;
  std::function<void(int)> on_signal_;
};

}  // namespace tdn::io
