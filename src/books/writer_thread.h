// The real writer: runs a Writer's turns, one at a time. No timer collects a batch: what arrives
// during a sync is written as soon as that sync is back, so batches grow with the load by
// themselves.
//
// A turn belongs to a thread of its own, so that no shard waits for a disk. Where syncs have been
// quick without exception (a RAM disk, flash with a protected cache), waking that thread costs more
// than the turn: then the shard that hands over takes the turn itself, if nobody else has it. One
// slow sync sends the work back to the thread (docs/decisions/0013-turns-of-the-writer.md).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/time.h"
#include "books/writer.h"

namespace tdn::books {

class WriterThread final : private WriterSignal {
 public:
  // `fatal` is called on the thread whose turn it is when writing or syncing failed: what is on
  // disk is unknown then, so it must end the process.
  WriterThread(Writer& writer, const Clock& clock, std::function<void(const Error&)> fatal);
  // Stops.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // Writes and syncs everything that was handed over, marks the journal as cleanly ended, joins.
  void stop();

 private:
  void work_arrived() override;
  bool try_turn();  // on a shard's thread; false: the writer's own must do it
  void run();
  Result<void> turn();
  void note_sync(Duration took);
  bool wait();  // false: stop
  void sleep(Instant until);

  Writer& writer_;
  const Clock& clock_;
  const std::function<void(const Error&)> fatal_;
  struct Semaphore;
  std::unique_ptr<Semaphore> roused_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> quick_ = false;  // the last syncs all were

  std::mutex turn_;            // held by whoever runs a turn; guards the writer and the next two
  int quick_syncs_ = 0;        // in a row
  Instant wakes_at_ = kNever;  // when the thread looks by itself
  std::thread thread_;
};

}  // namespace tdn::books
