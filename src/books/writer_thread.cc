#include "books/writer_thread.h"

#include <pthread.h>
#include <semaphore.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "base/monotonic_deadline.h"

namespace tdn::books {

// One system call to wake and one to sleep, where a condition variable takes five.
struct WriterThread::Semaphore {
  Semaphore() { TDN_ASSERT(sem_init(&handle, 0, 0) == 0); }
  ~Semaphore() { sem_destroy(&handle); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  sem_t handle{};
};

WriterThread::WriterThread(Writer& writer, const Clock& clock,
                           std::function<void(const Error&)> fatal)
    : writer_(writer),
      clock_(clock),
      fatal_(std::move(fatal)),
      roused_(std::make_unique<Semaphore>()) {
  writer_.set_signal(*this);
  thread_ = std::thread([this] { run(); });
}

WriterThread::~WriterThread() { stop(); }

void WriterThread::work_arrived() { sem_post(&roused_->handle); }

void WriterThread::stop() {
  stopping_.store(true, std::memory_order_release);
  sem_post(&roused_->handle);
  if (thread_.joinable()) {
    thread_.join();
  }
}

void WriterThread::sleep(Instant until) {
  if (until == kNever) {
    sem_wait(&roused_->handle);
    return;
  }
  const MonotonicDeadline deadline = monotonic_deadline(until - clock_.now());
  const timespec due{.tv_sec = deadline.seconds, .tv_nsec = deadline.nanoseconds};
  sem_clockwait(&roused_->handle, CLOCK_MONOTONIC, &due);
}

bool WriterThread::wait() {
  const Instant until = writer_.next_retry();
  while (!stopping_.load(std::memory_order_acquire) && !writer_.has_work() &&
         (until == kNever || clock_.now() < until)) {
    sleep(until);
  }
  return !stopping_.load(std::memory_order_acquire);
}

Result<void> WriterThread::turn() {
  TDN_TRY(const bool wants_sync, writer_.write());
  if (wants_sync) {
    TDN_TRY_VOID(writer_.sync());
  }
  writer_.release();
  return writer_.rest();
}

void WriterThread::run() {
  pthread_setname_np(pthread_self(), "tdn-books");
  Result<void> outcome = turn();
  while (outcome && wait()) {
    outcome = turn();
  }
  if (outcome) {
    outcome = writer_.close();
  }
  if (!outcome) {
    fatal_(outcome.error());
  }
}

}  // namespace tdn::books
