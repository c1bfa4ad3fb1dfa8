#include "io/blocking_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace tdn::io {

struct BlockingPool::State {
  struct Job {
    std::function<void()> work;
    std::function<void()> report;
    Loop* loop;
  };

  std::mutex mutex;
  std::condition_variable filled;
  std::deque<Job> jobs;
  std::size_t max_queued = 0;
  bool stopping = false;
  std::vector<std::thread> threads;
  Later later;

  void work() {
    while (true) {
      Job job;
      {
        std::unique_lock lock(mutex);
        filled.wait(lock, [this] { return stopping || !jobs.empty(); });
        if (jobs.empty()) {
          return;
        }
        job = std::move(jobs.front());
        jobs.pop_front();
      }
      job.work();
      job.loop->mailbox().post(std::move(job.report));
    }
  }
};

BlockingPool::BlockingPool(int threads, std::size_t max_queued)
    : state_(std::make_shared<State>()) {
  state_->max_queued = max_queued;
  for (int i = 0; i < threads; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->work(); });
  }
}

BlockingPool::BlockingPool(Later later) : BlockingPool(0) { state_->later = std::move(later); }

BlockingPool::~BlockingPool() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->filled.notify_all();
  for (std::thread& thread : state_->threads) {
    thread.join();
  }
}

Result<void> BlockingPool::submit(std::function<void()> work, std::function<void()> report,
                                  Loop& loop) {
  if (state_->later) {
    state_->later(
        [alive = std::weak_ptr(state_), work = std::move(work), report = std::move(report)] {
          if (!alive.expired()) {
            work();
            report();
          }
        });
    return {};
  }
  if (state_->threads.empty()) {
    work();
    report();
    return {};
  }
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->jobs.size() >= state_->max_queued) {
      return fail(Code::kOverloaded, "too many blocking calls are waiting; try again");
    }
    state_->jobs.push_back({std::move(work), std::move(report), &loop});
  }
  state_->filled.notify_one();
  return {};
}

}  // namespace tdn::io
