#include "io/maybe_task.h"

#include <gtest/gtest.h>

#include <memory>

#include "io/event.h"
#include "io/test_loop.h"

namespace tdn::io {
namespace {

Task<std::unique_ptr<int>> later(Event& event, int value) {
  const Wake wake = co_await event.wait();
  EXPECT_EQ(wake, Wake::kReady);
  co_return std::make_unique<int>(value);
}

MaybeTask<std::unique_ptr<int>> get(Event& event, int value) {
  if (value < 0) {
    return later(event, -value);
  }
  return std::make_unique<int>(value);
}

Task<> note(Event& event, int value, int& seen) {
  const std::unique_ptr<int> got = co_await get(event, value);
  seen = *got;
}

TEST(MaybeTask, AValueThatIsThereDoesNotSuspend) {
  TestLoop test;
  Event event;
  int seen = 0;
  test.group.spawn(note(event, 7, seen));
  test.settle();
  EXPECT_EQ(seen, 7);
  MaybeTask<std::unique_ptr<int>> ready = get(event, 8);
  ASSERT_TRUE(ready.ready());
  EXPECT_EQ(*ready.take(), 8);
}

TEST(MaybeTask, ATaskIsAwaited) {
  TestLoop test;
  Event event;
  int seen = 0;
  test.group.spawn(note(event, -9, seen));
  test.settle();
  EXPECT_EQ(seen, 0);
  event.set();
  test.settle();
  EXPECT_EQ(seen, 9);
}

TEST(MaybeTask, OneThatIsNeverAwaitedDropsItsTask) {
  Event event;
  EXPECT_FALSE(get(event, -1).ready());
}

}  // namespace
}  // namespace tdn::io
