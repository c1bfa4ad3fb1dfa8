#include "io/timer.h"

#include <algorithm>

namespace tdn::io {
namespace {
constexpr std::size_t kArity = 4;
}  // namespace

void TimerHeap::arm(Timer& timer, Instant due) {
  if (due == kNever) {
    disarm(timer);
    return;
  }
  if (!timer.armed()) {
    heap_.push_back(&timer);
    timer.due_ = due;
    sift_up(timer, heap_.size() - 1);
    return;
  }
  const bool earlier = due < timer.due_;
  timer.due_ = due;
  if (earlier) {
    sift_up(timer, timer.index_);
  } else {
    sift_down(timer, timer.index_);
  }
}

void TimerHeap::disarm(Timer& timer) {
  if (!timer.armed()) {
    return;
  }
  const std::size_t hole = timer.index_;
  timer.index_ = Timer::kIdle;
  Timer& last = *heap_.back();
  heap_.pop_back();
  if (&last == &timer) {
    return;
  }
  const bool earlier = last.due_ < timer.due_;
  if (earlier) {
    sift_up(last, hole);
  } else {
    sift_down(last, hole);
  }
}

void TimerHeap::fire_due(Instant now) {
  while (!heap_.empty() && heap_.front()->due_ <= now) {
    Timer& timer = *heap_.front();
    disarm(timer);
    timer.fire();
  }
}

void TimerHeap::place(Timer& timer, std::size_t index) {
  heap_[index] = &timer;
  timer.index_ = index;
}

void TimerHeap::sift_up(Timer& timer, std::size_t index) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / kArity;
    if (heap_[parent]->due_ <= timer.due_) {
      break;
    }
    place(*heap_[parent], index);
    index = parent;
  }
  place(timer, index);
}

void TimerHeap::sift_down(Timer& timer, std::size_t index) {
  while (true) {
    const std::size_t first = index * kArity + 1;
    if (first >= heap_.size()) {
      break;
    }
    const std::size_t end = std::min(first + kArity, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (heap_[child]->due_ < heap_[least]->due_) {
        least = child;
      }
    }
    if (heap_[least]->due_ >= timer.due_) {
      break;
    }
    place(*heap_[least], index);
    index = least;
  }
  place(timer, index);
}

}  // namespace tdn::io
