// Where coroutines live: nothing is spawned outside a group. A group starts tasks, cancels them
// all, and is joined before it is destroyed (asserted), so that nothing outlives what it refers to.
//
//   TaskGroup group(loop);
//   group.spawn(serve(std::move(stream)));
//   …
//   group.cancel(Code::kCancelled);
//   co_await group.join();
//
// Belongs to its loop's thread.
#pragma once

#include <cstddef>

#include "io/event.h"
#include "io/task.h"

namespace tdn::io {

class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Queues the task to start in this turn, with a context of its own. After `cancel` a new task
  // starts cancelled: its first await says so.
  void spawn(Task<> task);
  // Cancels every task, and those spawned later.
  void cancel(Code reason = Code::kCancelled);
  // Returns when no task is left. Several may not join at once.
  [[nodiscard]] Task<Wake> join();
  // Waits until at most `count` tasks are left: a task that joins its own group says 1.
  [[nodiscard]] Task<Wake> shrink_to(std::size_t count);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Loop& loop() { return loop_; }

  // Simulated crash: destroys every frame where it stands, after Loop::forget_ready.
  void destroy_all();

 private:
  struct Member;
  struct Root;
  static Root run(Member* member);
  void remove(Member& member);

  Loop& loop_;
  Member* first_ = nullptr;
  std::size_t size_ = 0;
  bool cancelled_ = false;
  Code reason_ = Code::kCancelled;
  Event changed_;
};

}  // namespace tdn::io
