// `Task<T>`: a coroutine that starts when it is awaited, has one owner, and gives its value to the
// one that awaits it by symmetric transfer. It runs on the thread of the loop that its root was
// spawned on and shares its root's `Context`. The owner destroys the frame; destroying a suspended
// task drops everything below it.
//
// Rules (docs/internals/runtime.md): nothing braced and no lambda inside a co_await expression, no
// capturing lambda as a coroutine, references as parameters only if the caller awaits at once.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "io/context.h"
#include "io/frame_pool.h"

namespace tdn::io {

struct PromiseBase {
  std::coroutine_handle<> continuation;
  Context* context = nullptr;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    release_frame(frame, size);
  }

  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  // Ours throw nothing: an exception here is a bug or no memory, and both end the process.
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct ValuePromise : PromiseBase {
  std::optional<T> value;
  template <class U = T>
    requires std::constructible_from<T, U&&>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};
template <>
struct ValuePromise<void> : PromiseBase {
  void return_void() {}
  void take() {}
};

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : ValuePromise<T> {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  bool await_ready() const noexcept { return false; }
  template <std::derived_from<PromiseBase> Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    handle_.promise().continuation = parent;
    handle_.promise().context = parent.promise().context;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// `Context& context = co_await this_context();`
struct ThisContext {
  Context* context = nullptr;
  bool await_ready() const noexcept { return false; }
  template <std::derived_from<PromiseBase> Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    context = self.promise().context;
    return false;
  }
  Context& await_resume() const noexcept { return *context; }
};
inline ThisContext this_context() { return {}; }

}  // namespace tdn::io
