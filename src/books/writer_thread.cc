#include "books/writer_thread.h"

#include <pthread.h>
#include <semaphore.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "base/monotonic_deadline.h"

namespace tdn::books {
namespace {

using namespace std::chrono_literals;

// Waking another thread and being woken by it costs about as much, on one core; across cores more.
constexpr Duration kQuickSync = 20us;
// So many in a row before a shard may wait for one.
constexpr int kQuickSyncs = 64;

}  // namespace

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

void WriterThread::work_arrived() {
  if (!quick_.load(std::memory_order_relaxed) || !try_turn()) {
    sem_post(&roused_->handle);
  }
}

bool WriterThread::try_turn() {
  const std::unique_lock<std::mutex> mine(turn_, std::try_to_lock);
  if (!mine || stopping_.load(std::memory_order_acquire) || writer_.is_near_segment_end()) {
    return false;
  }
  if (const Result<void> outcome = turn(); !outcome) {
    fatal_(outcome.error());
  }
  // The thread must look again in time, to mark what this turn wrote.
  if (const Instant due = writer_.next_retry(); due < wakes_at_) {
    wakes_at_ = due;
    sem_post(&roused_->handle);
  }
  return true;
}

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
  while (true) {
    Instant until = kNever;
    {
      const std::lock_guard<std::mutex> lock(turn_);
      until = wakes_at_ = writer_.next_retry();
    }
    if (stopping_.load(std::memory_order_acquire)) {
      return false;
    }
    if (writer_.has_work() || (until != kNever && clock_.now() >= until)) {
      return true;
    }
    sleep(until);
  }
}

Result<void> WriterThread::turn() {
  TDN_TRY(const bool wants_sync, writer_.write());
  if (wants_sync) {
    const Instant begin = clock_.now();
    TDN_TRY_VOID(writer_.sync());
    note_sync(clock_.now() - begin);
  }
  writer_.release();
  return writer_.rest();
}

void WriterThread::note_sync(Duration took) {
  quick_syncs_ = took <= kQuickSync ? std::min(quick_syncs_ + 1, kQuickSyncs) : 0;
  quick_.store(quick_syncs_ == kQuickSyncs, std::memory_order_relaxed);
}

void WriterThread::run() {
  pthread_setname_np(pthread_self(), "tdn-books");
  Result<void> outcome;
  do {
    const std::lock_guard<std::mutex> lock(turn_);
    outcome = turn();
  } while (outcome && wait());
  if (outcome) {
    const std::lock_guard<std::mutex> lock(turn_);
    outcome = writer_.close();
  }
  if (!outcome) {
    fatal_(outcome.error());
  }
}

}  // namespace tdn::books
