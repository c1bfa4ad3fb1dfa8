#include "books/writer_thread.h"

#include <pthread.h>

#include <chrono>
#include <utility>

namespace tdn::books {

WriterThread::WriterThread(Writer& writer, const Clock& clock,
                           std::function<void(const Error&)> fatal)
    : writer_(writer), clock_(clock), fatal_(std::move(fatal)) {
  writer_.set_signal(*this);
  thread_ = std::thread([this] { run(); });
}

WriterThread::~WriterThread() { stop(); }

void WriterThread::work_arrived() {
  // Taking the mutex orders this with the wait below: a signal between its look and its sleep is
  // not lost.
  {
    const std::lock_guard lock(mutex_);
  }
  arrived_.notify_one();
}

void WriterThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool WriterThread::wait() {
  std::unique_lock lock(mutex_);
  const auto roused = [this] { return stopping_ || writer_.has_work(); };
  if (const Instant retry = writer_.next_retry(); retry == kNever) {
    arrived_.wait(lock, roused);
  } else {
    arrived_.wait_for(lock, std::max(retry - clock_.now(), Duration{}), roused);
  }
  return !stopping_;
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
