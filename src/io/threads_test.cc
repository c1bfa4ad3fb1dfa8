// What crosses threads: mailbox, blocking pool, shards. Run under ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>
#include <thread>

#include "io/blocking_pool.h"
#include "io/shards.h"
#include "io/task_group.h"
#include "io/test_loop.h"

namespace tdn::io {
namespace {

struct Counting final : Message {
  void receive() override { (*received)++; }
  int* received = nullptr;
};

TEST(Mailbox, LosesNothingBetweenManySenders) {
  constexpr int kSenders = 4;
  constexpr int kEach = 5000;
  BlockingPool pool(0);
  Shards shards(1, pool);
  int received = 0;  // touched by the shard's thread only
  std::vector<Counting> messages(kSenders * kEach);
  {
    std::vector<std::jthread> senders;
    for (int sender = 0; sender < kSenders; ++sender) {
      senders.emplace_back([&, sender] {
        for (int i = 0; i < kEach; ++i) {
          Counting& message = messages[static_cast<std::size_t>(sender * kEach + i)];
          message.received = &received;
          shards.loop(0).mailbox().post(message);
        }
      });
    }
  }
  int seen = 0;
  shards.on_each([&](Shard&) { seen = received; });
  EXPECT_EQ(seen, kSenders * kEach);
}

TEST(Shards, EachRunsOnItsOwnThread) {
  BlockingPool pool(0);
  Shards shards(3, pool);
  std::atomic<int> sum = 0;
  std::array<std::thread::id, 3> threads;
  shards.on_each([&](Shard& shard) {
    sum += shard.index;
    threads[static_cast<std::size_t>(shard.index)] = std::this_thread::get_id();
  });
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(std::set(threads.begin(), threads.end()).size(), 3U);
}

Task<> wait_for_job(BlockingPool& pool, std::latch& started, std::latch& release, Code& outcome) {
  Context& context = co_await this_context();
  std::function<Result<int>()> job = [&started, &release]() -> Result<int> {
    started.count_down();
    release.wait();
    return 7;
  };
  const Result<int> result = co_await pool.run<int>(std::move(job), context.loop());
  outcome = result ? Code::kInternalError : result.error().code();
}

TEST(BlockingPool, ACancelledWaitReturnsWhileTheJobStillRuns) {
  TestLoop test;
  std::latch started(1);
  std::latch release(1);
  BlockingPool pool(1);
  Code outcome = Code::kInternalError;
  TaskGroup group(test.loop);
  group.spawn(wait_for_job(pool, started, release, outcome));
  test.settle();
  started.wait();
  group.cancel();
  test.settle();
  EXPECT_EQ(outcome, Code::kCancelled);
  EXPECT_EQ(group.size(), 0U);
  release.count_down();
}

Task<Result<int>> compute(BlockingPool& pool, Loop& loop, int value) {
  std::function<Result<int>()> job = [value]() -> Result<int> { return value * 2; };
  co_return co_await pool.run<int>(std::move(job), loop);
}

Task<> compute_into(BlockingPool& pool, Loop& loop, int value, int& out, Event& done) {
  const Result<int> result = co_await compute(pool, loop, value);
  out = result.value_or(-1);
  done.set();
}

TEST(BlockingPool, ResultsComeBackOnTheCallersThread) {
  BlockingPool pool(2);
  Shards shards(1, pool);
  int out = 0;
  std::latch done(1);
  struct Part {
    explicit Part(Loop& loop) : group(loop) {}
    TaskGroup group;
  };
  std::unique_ptr<Part> part;
  struct Finish {
    static Task<> run(BlockingPool& its_pool, Loop& loop, int& its_out, std::latch& its_done) {
      Event event;
      co_await compute_into(its_pool, loop, 21, its_out, event);
      its_done.count_down();
    }
  };
  shards.on_each([&](Shard& shard) {
    part = std::make_unique<Part>(shard.loop);
    part->group.spawn(Finish::run(pool, shard.loop, out, done));
  });
  done.wait();
  EXPECT_EQ(out, 42);
  shards.on_each([&](Shard&) { part.reset(); });
}

TEST(BlockingPool, AFullQueueRefuses) {
  TestLoop test;
  std::latch started(1);
  std::latch release(1);
  Code first = Code::kInternalError;
  std::latch ignored(2);
  BlockingPool pool(1, 1);
  TaskGroup group(test.loop);
  group.spawn(wait_for_job(pool, started, release, first));
  test.settle();
  started.wait();
  Code queued = Code::kInternalError;
  group.spawn(wait_for_job(pool, ignored, release, queued));
  Code refused = Code::kInternalError;
  group.spawn(wait_for_job(pool, ignored, release, refused));
  test.settle();
  EXPECT_EQ(refused, Code::kOverloaded);
  group.cancel();
  test.settle();
  release.count_down();
}

}  // namespace
}  // namespace tdn::io
