// The books' writer thread as scheduled events: the same steps in the same order as
// books/writer_thread.h, with the time that writing and syncing take in between. So what is handed
// over during a sync waits for the next one, and a crash can fall between any two steps.
#pragma once

#include <functional>
#include <memory>

#include "base/random.h"
#include "books/writer.h"
#include "sim/poller.h"
#include "sim/trace.h"

namespace tdn::sim {

struct DiskTiming {
  Duration write = std::chrono::microseconds(60);  // both on average
  Duration sync = std::chrono::milliseconds(3);
};

class JournalDriver final : private books::WriterSignal {
 public:
  // All but the timing borrowed. `fatal` hears of a failed step: the process must end.
  JournalDriver(SimPoller& poller, Random& random, Trace& trace, books::Writer& writer,
                const DiskTiming& timing, std::function<void(const Error&)> fatal);
  // The process died: no step follows, nothing more is written.
  ~JournalDriver();
  JournalDriver(const JournalDriver&) = delete;
  JournalDriver& operator=(const JournalDriver&) = delete;

  // Nothing waits and nothing is under way.
  [[nodiscard]] bool resting() const { return resting_; }

 private:
  void work_arrived() override;
  void begin();  // a turn of the writer
  void write();
  void sync();
  void finish();
  void at(Instant due, void (JournalDriver::*step)());
  // Between now and twice the mean.
  void after(Duration mean, void (JournalDriver::*step)());
  // False: it failed.
  bool check(const Result<void>& outcome);

  SimPoller& poller_;
  Random& random_;
  Trace& trace_;
  books::Writer& writer_;
  DiskTiming timing_;
  std::function<void(const Error&)> fatal_;
  bool resting_ = true;
  std::shared_ptr<JournalDriver*> self_;  // events hold it weakly
};

}  // namespace tdn::sim
