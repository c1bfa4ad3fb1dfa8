#include "sim/network.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "io/event.h"
#include "io/task_group.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

struct World {
  explicit World(std::uint64_t seed = 1) : random(seed) {}
  ~World() {
    group.cancel();
    settle();
  }

  // Until nothing happens any more by itself.
  void settle() {
    while (true) {
      const bool ran = loop.run_once(kNever);
      if (!ran && poller.exhausted()) {
        return;
      }
    }
  }
  void run_until(Instant moment) {
    while (clock.now() < moment) {
      loop.run_once(moment);
    }
  }
  template <class T>
  T run(io::Task<T> task) {
    std::optional<T> value;
    group.spawn(keep(std::move(task), value));
    settle();
    EXPECT_TRUE(value.has_value());
    return std::move(*value);
  }
  template <class T>
  static io::Task<> keep(io::Task<T> task, std::optional<T>& value) {
    value.emplace(co_await task);
  }

  // A connection from a to b.
  void join() {
    listener = *b.listen(b.address(80), false);
    std::optional<Result<std::unique_ptr<io::Stream>>> accepted;
    group.spawn(keep(listener->accept(), accepted));
    near = *run(a.connect(b.address(80)));
    far = std::move(**accepted);
  }

  ManualClock clock;
  Trace trace{clock};
  SeededRandom random;
  SimPoller poller{clock};
  io::Loop loop{clock, poller};
  SimNetwork network{poller, random, trace};
  SimHost& a = network.add_host("a");
  SimHost& b = network.add_host("b");
  std::unique_ptr<io::Listener> listener;
  std::unique_ptr<io::Stream> near;
  std::unique_ptr<io::Stream> far;
  io::TaskGroup group{loop};
};

io::Task<Result<std::string>> read_all(io::Stream& stream) {
  std::string all;
  char buffer[777];
  while (true) {
    TDN_CO_TRY(const std::size_t count, co_await read_some(stream, buffer));
    if (count == 0) {
      co_return all;
    }
    all.append(buffer, count);
  }
}

io::Task<Result<void>> send_and_end(io::Stream& stream, std::string_view bytes) {
  TDN_CO_TRY_VOID(co_await write_all(stream, bytes));
  stream.shutdown();
  co_return Result<void>{};
}

TEST(SimPoller, JumpsFromEventToEventAndKeepsTheOrderOfOneMoment) {
  World world;
  std::string order;
  const Instant start = world.clock.now();
  world.poller.after(2h, [&] { order += 'c'; });
  world.poller.after(1h, [&] {
    order += 'a';
    world.poller.after(1h, [&] { order += 'd'; });
  });
  world.poller.after(1h, [&] { order += 'b'; });
  world.settle();
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(world.clock.now(), start + 2h);
  EXPECT_EQ(world.poller.events(), 4U);
}

io::Task<Result<Instant>> wait_an_hour() {
  TDN_CO_TRY_VOID(to_result(co_await io::sleep_for(1h), "sleeping"));
  co_return io::Loop::current().now();
}

TEST(SimPoller, TimersOfTheLoopCostNoRealTime) {
  World world;
  const Instant start = world.clock.now();
  EXPECT_EQ(*world.run(wait_an_hour()), start + 1h);
}

RC_GTEST_PROP(SimNetwork, EveryByteArrivesInOrderHoweverItIsCut, ()) {
  World world(*rc::gen::arbitrary<std::uint32_t>());
  const LinkOptions options{.piece = *rc::gen::inRange<std::size_t>(1, 3000),
                            .cut_percent = *rc::gen::inRange<std::uint64_t>(0, 101),
                            .bytes_per_second = *rc::gen::inRange<std::uint64_t>(0, 1'000'000)};
  world.network.set_link(world.a, world.b, options);
  world.join();
  // Up to more than the buffer, so that both sides must wait.
  std::string text(options.piece * 100, '\0');
  world.random.fill(std::as_writable_bytes(std::span(text)));
  std::optional<Result<void>> sent;
  world.group.spawn(World::keep(send_and_end(*world.near, text), sent));
  const bool same = *world.run(read_all(*world.far)) == text;
  RC_ASSERT(same);
}

TEST(SimNetwork, AWriterThatNobodyReadsStopsAtTheBuffer) {
  World world;
  world.join();
  const std::string block(100'000, 'x');
  const io::Slice slice(block);
  std::size_t taken = 0;
  ssize_t count = 0;
  while ((count = world.near->try_write(std::span(&slice, 1))) > 0) {
    taken += static_cast<std::size_t>(count);
  }
  EXPECT_EQ(count, io::kWouldBlock);
  EXPECT_EQ(taken, kConnectionBuffer);
  world.settle();
  std::string buffer(1000, '\0');
  EXPECT_EQ(world.near->try_write(std::span(&slice, 1)), io::kWouldBlock);
  EXPECT_EQ(world.far->try_read(buffer), 1000);
  world.settle();
  EXPECT_EQ(world.near->try_write(std::span(&slice, 1)), 1000);
}

TEST(SimNetwork, NobodyListensIsRefusedAndAStrangeAddressHasNoRoute) {
  World world;
  const auto refused = world.run(world.a.connect(world.b.address(81)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  EXPECT_NE(refused.error().detail().find("refused"), std::string::npos);
  EXPECT_FALSE(world.run(world.a.connect(*io::Address::parse("127.0.0.99:80"))));
}

TEST(SimNetwork, AfterHalfCloseTheOtherDirectionGoesOn) {
  World world;
  world.join();
  EXPECT_TRUE(world.run(send_and_end(*world.near, "question")));
  EXPECT_EQ(*world.run(read_all(*world.far)), "question");
  EXPECT_TRUE(world.far->peer_finished());
  EXPECT_TRUE(world.run(send_and_end(*world.far, "answer")));
  EXPECT_EQ(*world.run(read_all(*world.near)), "answer");
}

TEST(SimNetwork, WritingToOneThatClosedBringsAResetOneRoundTripLater) {
  World world;
  world.join();
  world.far.reset();
  world.settle();
  EXPECT_TRUE(world.near->peer_finished());
  EXPECT_FALSE(world.near->peer_gone());
  const io::Slice slice("more");
  EXPECT_EQ(world.near->try_write(std::span(&slice, 1)), 4);
  EXPECT_FALSE(world.near->peer_gone());
  world.settle();
  EXPECT_TRUE(world.near->peer_gone());
  EXPECT_EQ(world.near->try_write(std::span(&slice, 1)), io::kFailed);
}

TEST(SimNetwork, ClosingWithUnreadBytesResetsAndWhatHadArrivedIsStillReadable) {
  World world;
  world.join();
  ASSERT_TRUE(world.run(write_all(*world.far, "hello")));
  ASSERT_TRUE(world.run(write_all(*world.near, "unread")));
  world.far.reset();
  world.settle();
  EXPECT_TRUE(world.near->peer_gone());
  char buffer[16];
  EXPECT_EQ(world.near->try_read(buffer), 5);
  EXPECT_EQ(world.near->try_read(buffer), io::kFailed);
}

TEST(SimNetwork, ACutDelaysWhatWasSentAndLosesNothing) {
  World world;
  world.join();
  world.network.cut(world.a, world.b, 10s);
  const Instant start = world.clock.now();
  const io::Slice slice("late");
  ASSERT_EQ(world.near->try_write(std::span(&slice, 1)), 4);
  world.run_until(start + 9s);
  char buffer[16];
  EXPECT_EQ(world.far->try_read(buffer), io::kWouldBlock);
  world.settle();
  EXPECT_EQ(world.far->try_read(buffer), 4);
  EXPECT_GT(world.clock.now(), start + 10s);
}

io::Task<Result<void>> dial_for(SimHost& from, io::Address to, Duration patience) {
  io::Context& context = co_await io::this_context();
  context.set_deadline(context.loop().now() + patience);
  TDN_CO_TRY(auto stream, co_await from.connect(to));
  co_return Result<void>{};
}

TEST(SimNetwork, DiallingThroughACutEndsAtTheDeadline) {
  World world;
  const auto listener = *world.b.listen(world.b.address(80), false);
  world.network.cut(world.a, world.b, 1h);
  const auto dialled = world.run(dial_for(world.a, world.b.address(80), 2s));
  ASSERT_FALSE(dialled);
  EXPECT_EQ(dialled.error().code(), Code::kTimeout);
}

TEST(SimNetwork, AResetFromTheMiddleReachesBothEnds) {
  World world;
  world.join();
  world.network.reset(world.b, world.a);
  EXPECT_TRUE(world.near->peer_gone());
  EXPECT_TRUE(world.far->peer_gone());
}

TEST(SimNetwork, AHostWithoutPowerSaysNothingAndItsOldConnectionsAreResetWhenItReturns) {
  World world;
  world.join();
  world.network.set_power(world.b, false);
  world.far.reset();
  const io::Slice slice("anybody?");
  ASSERT_EQ(world.near->try_write(std::span(&slice, 1)), 8);
  world.settle();
  EXPECT_FALSE(world.near->peer_finished());
  EXPECT_FALSE(world.near->peer_gone());
  world.network.set_power(world.b, true);
  ASSERT_EQ(world.near->try_write(std::span(&slice, 1)), 8);
  world.settle();
  EXPECT_TRUE(world.near->peer_gone());
}

TEST(SimNetwork, TheBacklogIsBoundedAndAClosedListenerResetsWhatWaited) {
  World world;
  auto listener = *world.b.listen(world.b.address(80), false);
  std::vector<std::unique_ptr<io::Stream>> waiting;
  for (std::size_t i = 0; i < kBacklog; ++i) {
    waiting.push_back(*world.run(world.a.connect(world.b.address(80))));
  }
  EXPECT_FALSE(world.run(world.a.connect(world.b.address(80))));
  listener->close();
  world.settle();
  for (const auto& stream : waiting) {
    EXPECT_TRUE(stream->peer_gone());
  }
}

TEST(SimNetwork, HostsHaveNamesAndPortsAreGivenOut) {
  World world;
  EXPECT_EQ(*world.run(world.a.resolve("b", 80)), world.b.address(80));
  EXPECT_EQ(*world.run(world.a.resolve("127.0.0.2", 80)), world.b.address(80));
  EXPECT_FALSE(world.run(world.a.resolve("c", 80)));
  const auto listener = *world.b.listen(world.b.address(0), false);
  EXPECT_NE(listener->address().port, 0);
  EXPECT_FALSE(world.b.listen(listener->address(), false));
  EXPECT_FALSE(world.a.listen(listener->address(), false));
}

codec::Digest story(std::uint64_t seed) {
  World world(seed);
  world.join();
  const std::string text(20'000, 'y');
  EXPECT_TRUE(world.run(send_and_end(*world.near, text)));
  EXPECT_EQ(*world.run(read_all(*world.far)), text);
  return world.trace.finish();
}

TEST(Trace, OneSeedHasOneHashAndAnotherSeedAnother) {
  EXPECT_EQ(story(7), story(7));
  EXPECT_NE(story(7), story(8));
}

}  // namespace
}  // namespace tdn::sim
