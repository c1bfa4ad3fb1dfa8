// Keeps child processes running until they are stopped.
//
//   start      a child is started, its ready file awaited, and when it ends it is started again
//              with back-off (backoff.h)
//   first run  a child that ends by itself before it was ready even once is not started again: what
//              is wrong (a flag, a model file, a port in use) will be wrong the next time too, and
//              its last words say what. One killed by a signal is started again.
//   hold       the child is killed and stays down until it is released; `pause` stops it where it
//              stands until `resume`: for those who break a network on purpose
//   stop       stage by stage, the highest first: SIGTERM, and SIGKILL at the deadline, so that
//              those who use others end before them
//
// Belongs to its loop's thread, which must be the main one (child.h).
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/task_group.h"
#include "local/backoff.h"
#include "local/child.h"

namespace tdn::local {

struct ChildSpec {
  std::string name;  // in messages: "edge of frankfurt"
  Command command;
  std::string ready_file;  // removed before each start, written by the child once it serves
  int stage = 0;           // higher ones are stopped first
};

// What happens to children, told as it happens.
class SupervisorEvents {
 public:
  // `text` is what the child wrote to its ready file.
  virtual void on_ready(const ChildSpec& child, int pid, const std::string& text) = 0;
  // It will be started again in `delay`.
  virtual void on_ended(const ChildSpec& child, Exit exit, const std::string& last_words,
                        Duration delay) = 0;
  // It was killed because it is held, and will be started when it is released.
  virtual void on_held(const ChildSpec& child) = 0;
  // It will not: it failed before it was ever ready, or did not end well when it was to stop.
  virtual void on_failed(const ChildSpec& child, const Error& error) = 0;

 protected:
  ~SupervisorEvents() = default;
};

class Supervisor {
 public:
  // How often a ready file is looked for while it is awaited.
  static constexpr Duration kLook = std::chrono::milliseconds(10);

  // What each later stage has of the time to stop, if the first ones took all of theirs.
  static constexpr Duration kLastMoments = std::chrono::milliseconds(500);

  // All borrowed.
  Supervisor(io::Loop& loop, io::EpollPoller& poller, SupervisorEvents& events);
  // Stopped (asserted by the task group).
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Names are unique. Not after `stop`.
  void start(ChildSpec spec);
  // The process of that name, 0 while none runs.
  [[nodiscard]] int pid(std::string_view name) const;

  // Kills it (SIGKILL) and does not start it before `release`. A name that there is not does
  // nothing, here and below.
  void hold(std::string_view name);
  void release(std::string_view name);
  // SIGSTOP and SIGCONT; a run that begins meanwhile is stopped too.
  void pause(std::string_view name);
  void resume(std::string_view name);

  // Ends all children in order and returns when all are gone; who has not ended by `deadline` is
  // killed.
  [[nodiscard]] io::Task<> stop(Instant deadline);
  // For impatience during `stop`: kills every child now.
  void kill_all();

 private:
  struct Kept;
  [[nodiscard]] Kept* find(std::string_view name) const;
  io::Task<> keep(Kept& kept);
  // One run of the child. False: it is not to be started again.
  io::Task<bool> run_once(Kept& kept);
  // Until the child ended; reports when its ready file appears.
  io::Task<> watch(Kept& kept);
  bool report_end(Kept& kept, const Result<Exit>& end, const std::string& last_words);
  io::Task<> stop_stage(int stage, Instant deadline);
  static void signal_all(std::span<Kept* const> some, int number);

  io::Loop& loop_;
  io::EpollPoller& poller_;
  SupervisorEvents& events_;
  std::vector<std::unique_ptr<Kept>> kept_;
  bool impatient_ = false;
  io::TaskGroup group_;
};

}  // namespace tdn::local
