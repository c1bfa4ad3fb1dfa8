// `MaybeTask<T>`: a value that is there already, or the task that will give it. For operations that
// seldom wait, such as a write that the kernel mostly takes whole: a plain function returns the
// value at once and makes a coroutine only if it must wait.
//
//   MaybeTask<Result<void>> send(Stream& stream, std::span<const Slice> slices) {
//     if (stream.try_write(slices) == size_of(slices)) return Result<void>{};
//     return send_rest(stream, …);   // a Task
//   }
//   TDN_CO_TRY_VOID(co_await send(stream, slices));
//
// The operation begins when the function is called, not when its result is awaited. Await it at
// once, or ask `ready`.
#pragma once

#include <utility>
#include <variant>

#include "io/task.h"

namespace tdn::io {

template <class T>
class [[nodiscard]] MaybeTask {
 public:
  template <class U>
    requires std::constructible_from<T, U&&> &&
             (!std::same_as<std::remove_cvref_t<U>, MaybeTask>) &&
             (!std::same_as<std::remove_cvref_t<U>, Task<T>>)
  MaybeTask(U&& value)  // NOLINT: a value is one of the two
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  MaybeTask(Task<T> task)  // NOLINT: the other
      : state_(std::in_place_index<1>, std::move(task)) {}

  // The value is there: awaiting does not suspend, and `take` may be used instead.
  [[nodiscard]] bool ready() const noexcept { return state_.index() == 0; }
  [[nodiscard]] T take() { return std::move(*std::get_if<0>(&state_)); }

  bool await_ready() const noexcept { return ready(); }
  template <std::derived_from<PromiseBase> Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    return std::get_if<1>(&state_)->await_suspend(parent);
  }
  T await_resume() { return ready() ? take() : std::get_if<1>(&state_)->await_resume(); }

 private:
  std::variant<T, Task<T>> state_;
};

}  // namespace tdn::io
