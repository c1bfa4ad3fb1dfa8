// A few threads for calls that block: files, name look-ups. The caller awaits the result; cancelled
// or timed out, it goes on at once, the job runs to its end and its result is discarded, its place
// in the queue held until then.
//
// Bounded: at most `max_queued` jobs wait; beyond that `run` answers kOverloaded.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "io/event.h"
#include "io/loop.h"

namespace tdn::io {

// The result of a job that has none.
struct Done {};

class BlockingPool {
 public:
  // No thread at all: jobs run at once, in place. That is the simulator's pool.
  explicit BlockingPool(int threads, std::size_t max_queued = 256);
  // The same with time: `later` calls what it is given at a moment of its choice, on this thread,
  // where the job then runs in one piece. What is not called by the pool's end is as if never
  // asked.
  using Later = std::function<void(std::function<void()>)>;
  explicit BlockingPool(Later later);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Runs `job` on a thread of the pool and returns its result on `loop`, the caller's. `job` must
  // own what it uses: the caller may be gone before it runs.
  template <class T>
  [[nodiscard]] Task<Result<T>> run(std::function<Result<T>()> job, Loop& loop) {
    struct Shared {
      std::optional<Result<T>> result;
      Event* done = nullptr;  // on the loop's thread; null once nobody waits
    };
    auto shared = std::make_shared<Shared>();
    Event done;
    shared->done = &done;
    std::function<void()> work = [shared, job = std::move(job)] { shared->result.emplace(job()); };
    std::function<void()> report = [shared] {
      if (shared->done != nullptr) {
        shared->done->set();
      }
    };
    TDN_CO_TRY_VOID(submit(std::move(work), std::move(report), loop));
    const Wake wake = co_await done.wait();
    shared->done = nullptr;
    TDN_CO_TRY_VOID(to_result(wake, "waiting for a blocking call"));
    co_return std::move(*shared->result);
  }

 private:
  Result<void> submit(std::function<void()> work, std::function<void()> report, Loop& loop);
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tdn::io
