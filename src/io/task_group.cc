#include "io/task_group.h"

#include <utility>

#include "base/assert.h"
#include "io/loop.h"

namespace tdn::io {

// One spawned task: its context and its place in the group's list. Owned by the group.
struct TaskGroup::Member {
  Member(TaskGroup& its_group, Task<> its_task)
      : group(its_group), context(its_group.loop_), task(std::move(its_task)) {}

  TaskGroup& group;
  Context context;
  Task<> task;
  std::coroutine_handle<> frame;
  Member* previous = nullptr;
  Member* next = nullptr;
};

// The coroutine below every spawned task: nobody awaits it, it removes itself at its end.
struct TaskGroup::Root {
  struct promise_type : PromiseBase {
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    void return_void() {}
    struct Leave {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        Member* self_member = self.promise().member;
        TaskGroup& group = self_member->group;
        self.destroy();
        group.remove(*self_member);
      }
      void await_resume() noexcept {}
    };
    Leave final_suspend() noexcept { return {}; }
    Member* member = nullptr;
  };
  std::coroutine_handle<promise_type> handle;
};

TaskGroup::TaskGroup(Loop& loop) : loop_(loop) {}

TaskGroup::~TaskGroup() { TDN_ASSERT(size_ == 0); }

TaskGroup::Root TaskGroup::run(Member* member) { co_await member->task; }

void TaskGroup::spawn(Task<> task) {
  auto* member = new Member(*this, std::move(task));
  if (cancelled_) {
    member->context.cancel(reason_);
  }
  member->next = first_;
  if (first_ != nullptr) {
    first_->previous = member;
  }
  first_ = member;
  ++size_;
  Root root = run(member);
  root.handle.promise().member = member;
  root.handle.promise().context = &member->context;
  member->frame = root.handle;
  loop_.ready(root.handle);
}

void TaskGroup::cancel(Code reason) {
  cancelled_ = true;
  reason_ = reason;
  for (Member* member = first_; member != nullptr; member = member->next) {
    member->context.cancel(reason);
  }
}

Task<Wake> TaskGroup::join() { return shrink_to(0); }

Task<Wake> TaskGroup::shrink_to(std::size_t count) {
  while (size_ > count) {
    const Wake wake = co_await changed_.wait();
    if (wake != Wake::kReady) {
      co_return wake;
    }
  }
  co_return Wake::kReady;
}

void TaskGroup::destroy_all() {
  while (first_ != nullptr) {
    first_->frame.destroy();
    remove(*first_);
  }
}

void TaskGroup::remove(Member& member) {
  if (member.previous != nullptr) {
    member.previous->next = member.next;
  } else {
    first_ = member.next;
  }
  if (member.next != nullptr) {
    member.next->previous = member.previous;
  }
  --size_;
  delete &member;
  changed_.set();
}

}  // namespace tdn::io
