// One child process: started, watched, signalled, reaped.
//
// It dies with its parent, however that ends (PR_SET_PDEATHSIG), so nothing is orphaned even by
// kill -9. It stands in a process group of its own: Ctrl-C on a terminal reaches the parent alone,
// which stops its children in order. It reads nothing and writes to its log file only.
//
// Must be started from a thread that lives as long as the process (the death signal is tied to the
// thread): the main one. Belongs to its poller's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/epoll.h"
#include "io/event.h"

namespace tdn::local {

struct Command {
  std::vector<std::string> words;  // the first is the program's path
  std::string log_file;            // appended to; set aside as *.1 when it has grown beyond 8 MiB
};

// How a process ended.
struct Exit {
  bool killed = false;  // by a signal, not by itself
  int number = 0;       // of the signal, or the status

  bool operator==(const Exit&) const = default;
};
// "status 1", "signal 9 (Killed)".
[[nodiscard]] std::string to_string(Exit exit);

class Child final : private io::EpollSource {
 public:
  // Fails if the program cannot be executed or the log file not opened.
  [[nodiscard]] static Result<std::unique_ptr<Child>> start(io::EpollPoller& poller,
                                                            const Command& command);
  // Kills it if it still runs.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] int pid() const { return pid_; }
  // Set once it ended; one may wait.
  [[nodiscard]] io::Event& ended() { return ended_; }
  [[nodiscard]] const std::optional<Exit>& exit() const { return exit_; }
  // No effect on one that has ended.
  void signal(int number);
  // What it had to say in the end: the last line of its log that begins with "tdn: " or
  // "tdn ROLE: ", without that, or the last line of all; empty if it wrote none since it was
  // started.
  [[nodiscard]] std::string last_words() const;

 private:
  Child(io::EpollPoller& poller, const Command& command, std::uint64_t log_begin, int pid,
        int pidfd);
  void on_ready(io::Readiness ready) override;
  void reap();

  io::EpollPoller& poller_;
  std::string log_file_;
  std::uint64_t log_begin_;  // where this run's lines begin
  int pid_;
  int pidfd_;
  std::optional<Exit> exit_;
  io::Event ended_;
};

}  // namespace tdn::local
