#include "io/context.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "io/loop.h"

namespace tdn::io {

bool Waiter::park(std::coroutine_handle<> handle, Context& context) {
  outcome_ = context.state();
  if (outcome_ != Wake::kReady) {
    return false;
  }
  TDN_CHECK(context.waiter_ == nullptr);
  handle_ = handle;
  context_ = &context;
  context.waiter_ = this;
  return true;
}

void Waiter::wake() {
  TDN_CHECK(parked());
  Context* context = std::exchange(context_, nullptr);
  context->waiter_ = nullptr;
  context->loop_->ready(handle_);
}

void Waiter::drop() {
  if (parked()) {
    unlink();
    std::exchange(context_, nullptr)->waiter_ = nullptr;
  }
}

Context::Context(Loop& loop) : loop_(&loop) {}

Context::~Context() {
  TDN_ASSERT(waiter_ == nullptr);
  loop_->timers().disarm(*this);
}

void Context::set_deadline(Instant deadline) {
  deadline_ = deadline;
  if (deadline < due() || !armed()) {
    loop_->timers().arm(*this, deadline);
  }
}

void Context::cancel(Code reason) {
  if (cancelled_) {
    return;
  }
  cancelled_ = true;
  reason_ = reason;
  wake(Wake::kCancelled);
}

Wake Context::state() const {
  if (cancelled_) {
    return Wake::kCancelled;
  }
  return deadline_ <= loop_->now() ? Wake::kTimeout : Wake::kReady;
}

void Context::fire() {
  if (deadline_ > loop_->now()) {
    loop_->timers().arm(*this, deadline_);  // moved later since it was armed
    return;
  }
  wake(Wake::kTimeout);
}

void Context::wake(Wake outcome) {
  if (waiter_ == nullptr) {
    return;
  }
  Waiter& waiter = *waiter_;
  waiter.unlink();
  waiter.outcome_ = outcome;
  waiter.wake();
}

Result<void> to_failure(Wake wake, std::string_view doing) {
  if (wake == Wake::kTimeout) {
    return fail(Code::kTimeout, "timed out while " + std::string(doing));
  }
  return fail(Code::kCancelled, "cancelled while " + std::string(doing));
}

}  // namespace tdn::io
