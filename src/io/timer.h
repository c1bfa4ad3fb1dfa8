// Timers of one loop: an intrusive 4-ary heap, so that arming allocates nothing and moving an entry
// costs a few swaps. Millisecond grain: the loop sleeps in whole milliseconds, rounded up.
#pragma once

#include <cstddef>
#include <vector>

#include "base/time.h"

namespace tdn::io {

class TimerHeap;

// Something that wants to be told when its time has come. Must be disarmed before it is destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  [[nodiscard]] bool armed() const { return index_ != kIdle; }
  [[nodiscard]] Instant due() const { return due_; }

 protected:
  ~Timer() = default;

 private:
  friend class TimerHeap;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);
  virtual void fire() = 0;  // disarmed by now; may arm itself again

  Instant due_ = kNever;
  std::size_t index_ = kIdle;
};

class TimerHeap {
 public:
  // Arms, or moves an armed one. `kNever` disarms.
  void arm(Timer& timer, Instant due);
  void disarm(Timer& timer);
  [[nodiscard]] Instant next() const { return heap_.empty() ? kNever : heap_.front()->due_; }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  // Fires what is due at `now`, earliest first; what fires may arm more.
  void fire_due(Instant now);

 private:
  void place(Timer& timer, std::size_t index);
  void sift_up(Timer& timer, std::size_t index);
  void sift_down(Timer& timer, std::size_t index);

  std::vector<Timer*> heap_;
};

}  // namespace tdn::io
