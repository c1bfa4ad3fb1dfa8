#include "io/timer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace tdn::io {
namespace {

struct Recorded final : Timer {
  Recorded(std::vector<int>& into, int name) : log(into), id(name) {}
  void fire() override { log.push_back(id); }
  std::vector<int>& log;
  int id;
};

RC_GTEST_PROP(TimerHeap, FiresInOrderOfTheLastTimesSet, ()) {
  const auto first = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000));
  TimerHeap heap;
  std::vector<int> fired;
  std::vector<std::unique_ptr<Recorded>> timers;
  std::vector<std::pair<int, int>> expected;
  for (std::size_t i = 0; i < first.size(); ++i) {
    timers.push_back(std::make_unique<Recorded>(fired, static_cast<int>(i)));
    heap.arm(*timers.back(), Instant(first[i]));
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    const int action = *rc::gen::inRange(0, 3);
    if (action == 0) {
      heap.disarm(*timers[i]);
    } else {
      const int due = action == 1 ? *rc::gen::inRange(0, 1000) : first[i];
      heap.arm(*timers[i], Instant(due));
      expected.emplace_back(due, static_cast<int>(i));
    }
  }
  std::sort(expected.begin(), expected.end());
  heap.fire_due(Instant(1000));
  RC_ASSERT(fired.size() == expected.size());
  RC_ASSERT(heap.size() == 0U);
  for (std::size_t i = 0; i < fired.size(); ++i) {
    const auto at = std::find_if(expected.begin(), expected.end(),
                                 [&](const auto& entry) { return entry.second == fired[i]; });
    RC_ASSERT(at != expected.end());
    RC_ASSERT(at->first == expected[i].first);
  }
}

}  // namespace
}  // namespace tdn::io
