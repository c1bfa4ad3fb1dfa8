// The real writer: one thread that runs a Writer. No timer collects a batch: what arrives during a
// sync is written as soon as that sync is back, so batches grow with the load by themselves.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/time.h"
#include "books/writer.h"

namespace tdn::books {

class WriterThread final : private WriterSignal {
 public:
  // `fatal` is called on the writer thread when writing or syncing failed: what is on disk is
  // unknown then, so it must end the process.
  WriterThread(Writer& writer, const Clock& clock, std::function<void(const Error&)> fatal);
  // Stops.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // Writes and syncs everything that was handed over, marks the journal as cleanly ended, joins.
  void stop();

 private:
  void work_arrived() override;
  void run();
  Result<void> turn();
  bool wait();  // false: stop
  void sleep(Instant until);

  Writer& writer_;
  const Clock& clock_;
  const std::function<void(const Error&)> fatal_;
  struct Semaphore;
  std::unique_ptr<Semaphore> roused_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace tdn::books
