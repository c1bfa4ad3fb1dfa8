#include "books/writer_thread.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "base/assert.h"

namespace tdn::books {

WriterThread::WriterThread(Writer& writer, const Clock& clock,
                           std::function<void(const Error&)> fatal)
    : writer_(writer), clock_(clock), fatal_(std::move(fatal)) {
  TDN_ASSERT(sem_init(&roused_, 0, 0) == 0);
  writer_.set_signal(*this);
  thread_ = std::thread([this] { run(); });
}

WriterThread::~WriterThread() {
  stop();
  sem_destroy(&roused_);
}

void WriterThread::work_arrived() { sem_post(&roused_); }

void WriterThread::stop() {
  stopping_.store(true, std::memory_order_release);
  sem_post(&roused_);
  if (thread_.joinable()) {
    thread_.join();
  }
}

void WriterThread::sleep(Instant until) {
  if (until == kNever) {
    sem_wait(&roused_);
    return;
  }
  timespec due{};
  clock_gettime(CLOCK_MONOTONIC, &due);
  const Duration left = std::max(until - clock_.now(), Duration::zero());
  const std::int64_t nanoseconds = due.tv_nsec + left.count() % 1'000'000'000;
  due.tv_sec += left.count() / 1'000'000'000 + nanoseconds / 1'000'000'000;
  due.tv_nsec = nanoseconds % 1'000'000'000;
  sem_clockwait(&roused_, CLOCK_MONOTONIC, &due);
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
