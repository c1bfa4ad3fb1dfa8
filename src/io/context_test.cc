// One test per kind of await: cancelling the strand wakes it, and so does its deadline.
#include "io/context.h"

#include <gtest/gtest.h>

#include <vector>

#include "io/blocking_pool.h"
#include "io/pipe.h"
#include "io/test_loop.h"

namespace tdn::io {
namespace {

using namespace std::chrono_literals;

Task<> note(Task<Wake> task, std::vector<Wake>& log) { log.push_back(co_await task); }
Task<Wake> wait_readable(Stream& stream) { co_return co_await stream.readable(); }
Task<Wake> wait_writable(Stream& stream) { co_return co_await stream.writable(); }
Task<Wake> wait_event(Event& event) { co_return co_await event.wait(); }
Task<Wake> wait_sleep(Duration time) { co_return co_await sleep_for(time); }
Task<Wake> under_deadline(Task<Wake> task, Duration time) {
  Context& context = co_await this_context();
  const DeadlineScope scope(context, context.loop().now() + time);
  co_return co_await task;
}

class Awaits : public ::testing::Test {
 protected:
  // A strand that is parked in `task` when it is cancelled.
  void expect_cancel_wakes(Task<Wake> task) {
    TaskGroup group(test.loop);
    group.spawn(note(std::move(task), log));
    test.settle();
    ASSERT_TRUE(log.empty());
    group.cancel();
    test.settle();
    EXPECT_EQ(log, std::vector{Wake::kCancelled});
  }
  void expect_deadline_wakes(Task<Wake> task) {
    test.group.spawn(note(under_deadline(std::move(task), 5ms), log));
    test.advance(4ms);
    ASSERT_TRUE(log.empty());
    test.advance(1ms);
    EXPECT_EQ(log, std::vector{Wake::kTimeout});
  }
  void fill(Stream& stream) {
    const std::string bytes(100'000, 'x');
    const Slice slice(bytes);
    while (stream.try_write(std::span(&slice, 1)) > 0) {
    }
  }

  TestLoop test;
  std::vector<Wake> log;
  Event event;
  PipeEnds pipe = make_pipe();
};

TEST_F(Awaits, CancelWakesARead) { expect_cancel_wakes(wait_readable(*pipe.first)); }
TEST_F(Awaits, DeadlineWakesARead) { expect_deadline_wakes(wait_readable(*pipe.first)); }
TEST_F(Awaits, CancelWakesAWrite) {
  fill(*pipe.first);
  expect_cancel_wakes(wait_writable(*pipe.first));
}
TEST_F(Awaits, DeadlineWakesAWrite) {
  fill(*pipe.first);
  expect_deadline_wakes(wait_writable(*pipe.first));
}
TEST_F(Awaits, CancelWakesATimer) { expect_cancel_wakes(wait_sleep(1h)); }
TEST_F(Awaits, DeadlineWakesATimer) { expect_deadline_wakes(wait_sleep(1h)); }
TEST_F(Awaits, CancelWakesAnEvent) { expect_cancel_wakes(wait_event(event)); }
TEST_F(Awaits, DeadlineWakesAnEvent) { expect_deadline_wakes(wait_event(event)); }
TEST_F(Awaits, CancelWakesAJoin) {
  TaskGroup inner(test.loop);
  std::vector<Wake> ignored;
  inner.spawn(note(wait_sleep(1h), ignored));
  expect_cancel_wakes(inner.join());
  inner.cancel();
  test.settle();
}

TEST_F(Awaits, ACancelledStrandNeverWaitsAgain) {
  TaskGroup group(test.loop);
  group.cancel(Code::kClosed);
  group.spawn(note(wait_sleep(1h), log));
  test.settle();
  EXPECT_EQ(log, std::vector{Wake::kCancelled});
}

Task<Wake> wait_twice(Duration first, Duration second) {
  const Wake wake = co_await under_deadline(wait_sleep(1h), first);
  EXPECT_EQ(wake, Wake::kTimeout);
  co_return co_await under_deadline(wait_sleep(second), 1h);
}

TEST_F(Awaits, AfterADeadlineALaterOneWorksAgain) {
  test.group.spawn(note(wait_twice(5ms, 10ms), log));
  test.advance(14ms);
  EXPECT_TRUE(log.empty());
  test.advance(1ms);
  EXPECT_EQ(log, std::vector{Wake::kReady});
}

TEST_F(Awaits, AnInnerDeadlineNeverWidensTheOuter) {
  test.group.spawn(note(under_deadline(under_deadline(wait_sleep(1h), 1h), 3ms), log));
  test.advance(3ms);
  EXPECT_EQ(log, std::vector{Wake::kTimeout});
}

TEST_F(Awaits, AnEventThatHappenedBeforeIsNotMissed) {
  event.set();
  test.group.spawn(note(wait_event(event), log));
  test.settle();
  EXPECT_EQ(log, std::vector{Wake::kReady});
  EXPECT_FALSE(event.is_set());
}

TEST_F(Awaits, DestroyedWhileParkedLeavesEverything) {
  TaskGroup group(test.loop);
  std::vector<Wake> ignored;
  group.spawn(note(wait_sleep(1h), ignored));
  group.spawn(note(wait_readable(*pipe.first), ignored));
  group.spawn(note(wait_event(event), ignored));
  test.settle();
  test.loop.forget_ready();
  group.destroy_all();
  EXPECT_EQ(test.loop.timers().size(), 0U);
  event.set();
  const Slice slice("x");
  EXPECT_EQ(pipe.second->try_write(std::span(&slice, 1)), 1);
  test.settle();
  EXPECT_TRUE(ignored.empty());
}

}  // namespace
}  // namespace tdn::io
