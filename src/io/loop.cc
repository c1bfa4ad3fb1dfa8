#include "io/loop.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace tdn::io {
namespace {
thread_local Loop* current_loop = nullptr;
}  // namespace

Loop::Loop(const Clock& clock, Poller& poller)
    : clock_(clock), poller_(poller), now_(clock.now()), mailbox_(poller) {
  if (current_loop == nullptr) {
    current_loop = this;
  }
}

Loop::~Loop() {
  mailbox_.drain();
  if (current_loop == this) {
    current_loop = nullptr;
  }
}

Loop::Entered::Entered(Loop& loop) : before_(std::exchange(current_loop, &loop)) {}

Loop::Entered::~Entered() { current_loop = before_; }

Loop& Loop::current() {
  TDN_ASSERT(current_loop != nullptr);
  return *current_loop;
}

void Loop::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    run_once(kNever);
  }
}

bool Loop::run_once(Instant until) {
  const Entered here(*this);
  const bool mail_waits = mailbox_.prepare_to_sleep();
  // Mail that is here already is taken without a look at the descriptors first, but not twice in a
  // row: nobody who posts can keep readiness from being seen.
  passed_poll_ = mail_waits && !passed_poll_;
  if (!passed_poll_) {
    poller_.poll(mail_waits || !ready_.empty() ? now_ : std::min(until, timers_.next()));
  }
  now_ = clock_.now();
  const bool mail = mailbox_.drain();
  const bool due = timers_.next() <= now_;
  timers_.fire_due(now_);
  const bool ran = mail || due || !ready_.empty();
  run_ready();
  return ran;
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_release);
  poller_.interrupt();
}

void Loop::remove_turn_hook(TurnHook& hook) { std::erase(hooks_, &hook); }

void Loop::run_ready() {
  // Hooks may make coroutines ready and coroutines make work for hooks: one follows the other, and
  // what one round adds to the queue runs in the next, so that nobody is starved.
  while (!ready_.empty()) {
    std::swap(ready_, running_);
    for (const std::coroutine_handle<> handle : running_) {
      handle.resume();
    }
    running_.clear();
  }
  for (TurnHook* hook : hooks_) {
    hook->end_of_turn();
  }
}

}  // namespace tdn::io
