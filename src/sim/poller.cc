#include "sim/poller.h"

#include <algorithm>
#include <utility>

namespace tdn::sim {

void SimPoller::at(Instant due, std::function<void()> action) {
  heap_.push_back({std::max(due, clock_.now()), next_serial_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void SimPoller::poll(Instant until) {
  exhausted_ = heap_.empty() && until == kNever;
  if (exhausted_) {
    return;
  }
  if (heap_.empty() || heap_.front().due > until) {
    if (until > clock_.now()) {
      clock_.advance(until - clock_.now());
    }
    return;
  }
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const Event event = std::move(heap_.back());
  heap_.pop_back();
  clock_.advance(event.due - clock_.now());
  ++events_;
  event.action();
}

}  // namespace tdn::sim
