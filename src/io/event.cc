#include "io/event.h"

#include <utility>

#include "base/assert.h"
#include "io/loop.h"

namespace tdn::io {

Event::~Event() { TDN_ASSERT(waiting_ == nullptr); }

void Event::set() {
  set_ = true;
  if (Wait* wait = std::exchange(waiting_, nullptr)) {
    wait->wake();
  }
}

void Event::link(Wait& wait) {
  TDN_ASSERT(waiting_ == nullptr);
  waiting_ = &wait;
}

Sleep::~Sleep() { drop(); }

bool Sleep::start(std::coroutine_handle<> handle, Context& context) {
  if (!park(handle, context)) {
    return false;
  }
  loop_ = &context.loop();
  loop_->timers().arm(*this, until_);
  return true;
}

void Sleep::unlink() { loop_->timers().disarm(*this); }

Sleep sleep_for(Duration duration) { return Sleep(Loop::current().now() + duration); }

void Yield::queue(std::coroutine_handle<> handle) { Loop::current().ready(handle); }

}  // namespace tdn::io
