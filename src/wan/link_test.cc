#include "wan/link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "wan/delay_line.h"
#include "wan/test_network.h"

namespace tdn::wan {
namespace {

using namespace std::chrono_literals;

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() { make({.from = "berlin", .to = "frankfurt", .rtt = 100ms}); }
  ~LinkTest() override { unmake(); }

  void make(LinkPlan plan) {
    unmake();
    auto listener = network.listen({}, false);
    link.emplace(loop.loop, network, random, std::move(plan), *std::move(listener));
    link->start();
    loop.settle();
  }
  void unmake() {
    if (link) {
      loop.group.spawn(link->stop());
      loop.settle();
      link.reset();
    }
  }
  std::unique_ptr<io::Stream> connect() {
    std::unique_ptr<io::Stream> client = network.listeners.back()->connect();
    loop.settle();
    return client;
  }
  // Connected, and the round trip of that is over.
  std::unique_ptr<io::Stream> established() {
    std::unique_ptr<io::Stream> client = connect();
    loop.advance(link->plan().rtt);
    return client;
  }
  io::Stream& target() { return *network.targets.back(); }
  void set(LinkState state, Duration added = {}) {
    link->set_condition({state, added});
    loop.settle();
  }
  // The moment, from now on, at which `what` becomes true; looked at every 1 ms.
  template <class Condition>
  std::optional<Duration> when(Condition what) {
    for (Duration passed{}; passed <= 5s; passed += 1ms) {
      if (what()) {
        return passed;
      }
      loop.advance(1ms);
    }
    return std::nullopt;
  }
  std::optional<Duration> when_arrives(io::Stream& stream) {
    return when([&] { return !drain(stream).bytes.empty(); });
  }

  io::TestLoop loop;
  TestNetwork network;
  SeededRandom random{1};
  std::optional<Link> link;
};

TEST_F(LinkTest, SetUpCostsARoundTripAndARequestArrivesHalfAnotherLater) {
  const auto client = connect();
  EXPECT_EQ(put(*client, "hello"), 5);
  EXPECT_EQ(network.targets.size(), 1U) << "dialled at once";
  EXPECT_EQ(when_arrives(target()), 150ms);
  EXPECT_EQ(put(target(), "answer"), 6);
  EXPECT_EQ(when_arrives(*client), 50ms);
  EXPECT_EQ(link->counters().bytes_out, 5U);
  EXPECT_EQ(link->counters().bytes_back, 6U);
}

TEST_F(LinkTest, AServerThatSpeaksFirstIsHeardAfterTheRoundTrip) {
  const auto client = connect();
  EXPECT_EQ(put(target(), "banner"), 6);
  EXPECT_EQ(when_arrives(*client), 100ms);
}

TEST_F(LinkTest, AnOddRoundTripIsSharedWithoutLoss) {
  make({.from = "a", .to = "b", .rtt = 3ns});
  const auto client = connect();
  EXPECT_EQ(put(*client, "x"), 1);
  loop.advance(3ns);  // set-up
  EXPECT_EQ(drain(target()).bytes, "");
  loop.advance(1ns);
  EXPECT_EQ(drain(target()).bytes, "x");
  EXPECT_EQ(put(target(), "y"), 1);
  loop.settle();
  loop.advance(1ns);
  EXPECT_EQ(drain(*client).bytes, "");
  loop.advance(1ns);
  EXPECT_EQ(drain(*client).bytes, "y");
}

TEST_F(LinkTest, ARefusedTargetResetsAfterTheRoundTrip) {
  network.refuses = true;
  const auto client = connect();
  loop.advance(99ms);
  EXPECT_FALSE(drain(*client).reset);
  loop.advance(1ms);
  EXPECT_TRUE(drain(*client).reset);
  EXPECT_EQ(link->counters().refused, 1U);
  EXPECT_EQ(link->counters().open, 0U);
}

TEST_F(LinkTest, EndsArriveBehindTheBytesAndTheOtherWayGoesOn) {
  const auto client = established();
  EXPECT_EQ(put(*client, "last"), 4);
  client->shutdown();
  loop.settle();
  loop.advance(49ms);
  EXPECT_FALSE(drain(target()).end);
  loop.advance(1ms);
  const Got got = drain(target());
  EXPECT_EQ(got.bytes, "last");
  EXPECT_TRUE(got.end);
  EXPECT_EQ(put(target(), "still here"), 10);
  target().shutdown();
  loop.settle();
  loop.advance(50ms);
  const Got back = drain(*client);
  EXPECT_EQ(back.bytes, "still here");
  EXPECT_TRUE(back.end);
  EXPECT_EQ(link->counters().open, 0U);
}

TEST_F(LinkTest, AResetArrivesHalfARoundTripLaterEitherWay) {
  const auto client = established();
  EXPECT_EQ(put(target(), "token"), 5);
  loop.settle();
  target().abort();
  loop.settle();
  loop.advance(49ms);
  EXPECT_FALSE(drain(*client).reset);
  loop.advance(1ms);
  EXPECT_TRUE(drain(*client).reset);

  auto other = established();
  other->abort();
  loop.settle();
  loop.advance(49ms);
  EXPECT_FALSE(drain(target()).reset);
  loop.advance(1ms);
  EXPECT_TRUE(drain(target()).reset);
  EXPECT_EQ(link->counters().open, 0U);
}

TEST_F(LinkTest, AResetIsNotHeldUpByBytesThatNobodyReads) {
  network.pipe.capacity = 1024;
  make({.from = "a", .to = "b", .rtt = 100ms});
  const auto client = established();
  while (put(target(), std::string(1024, 'x')) > 0) {
    loop.settle();
  }
  loop.advance(60ms);  // the first of them fill the client's own buffer
  target().abort();
  loop.settle();
  loop.advance(50ms);
  EXPECT_EQ(link->counters().open, 0U);
}

TEST_F(LinkTest, ASenderIsReadOnlyAsFarAsTheBufferGoesAndNothingIsLost) {
  const auto client = established();
  const std::string piece(10'000, 'x');
  std::size_t sent = 0;
  for (ssize_t count = 1; count > 0;) {
    count = put(*client, piece);
    sent += count > 0 ? static_cast<std::size_t>(count) : 0;
    loop.settle();
  }
  // What the line holds, and what the sender's own pipe holds.
  EXPECT_LE(sent, DelayLine::kCapacity + network.pipe.capacity);
  EXPECT_GT(sent, DelayLine::kCapacity * 9 / 10 + network.pipe.capacity);
  std::size_t received = 0;
  const auto done = when([&] {
    received += drain(target()).bytes.size();
    return received == sent;
  });
  EXPECT_TRUE(done.has_value());
  EXPECT_GT(put(*client, piece), 0);
}

TEST_F(LinkTest, ManyTinyPiecesCostWhatTheyCostToKeep) {
  DelayLine line;
  std::size_t pieces = 0;
  for (; line.room() > 0; ++pieces) {
    line.push("x", Instant{});
  }
  EXPECT_LE(pieces, DelayLine::kCapacity / DelayLine::kPieceCost);
}

TEST_F(LinkTest, BandwidthMakesBytesWaitForEachOtherAcrossConnections) {
  make({.from = "a", .to = "b", .rtt = 100ms, .bytes_per_second = 100'000});
  const auto first = established();
  io::Stream& first_target = *network.targets[0];
  const auto second = established();
  io::Stream& second_target = *network.targets[1];
  EXPECT_EQ(put(*first, std::string(10'000, 'a')), 10'000);
  loop.settle();
  EXPECT_EQ(put(*second, std::string(10'000, 'b')), 10'000);
  loop.settle();
  loop.advance(149ms);  // 100 ms to send, 50 under way
  EXPECT_EQ(drain(first_target).bytes.size(), 0U);
  loop.advance(1ms);
  EXPECT_EQ(drain(first_target).bytes.size(), 10'000U);
  loop.advance(99ms);
  EXPECT_EQ(drain(second_target).bytes.size(), 0U);
  loop.advance(1ms);
  EXPECT_EQ(drain(second_target).bytes.size(), 10'000U);
}

TEST_F(LinkTest, JitterDelaysWithinItsBoundAndNeverReorders) {
  make({.from = "a", .to = "b", .rtt = 100ms, .jitter = 40ms});
  const auto client = established();
  std::string sent;
  std::string received;
  std::optional<Duration> first;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(1, static_cast<char>('a' + i % 26));
    sent += piece;
    EXPECT_EQ(put(*client, piece), 1);
    loop.settle();
    loop.advance(1ms);
    received += drain(target()).bytes;
    if (!first && !received.empty()) {
      first = Duration(1ms) * (i + 1);
    }
  }
  loop.advance(90ms);
  received += drain(target()).bytes;
  EXPECT_EQ(received, sent);
  ASSERT_TRUE(first.has_value());
  EXPECT_GE(*first, 50ms);
  EXPECT_LE(*first, 91ms);
}

TEST_F(LinkTest, ACutDeliversNothingAndAcceptsNothingAndAfterItEverythingGoesOn) {
  const auto client = established();
  io::Stream& first = target();
  EXPECT_EQ(put(*client, "under way"), 9);
  loop.settle();
  loop.advance(20ms);
  set(LinkState::kCut);
  const auto late = connect();
  EXPECT_EQ(put(*late, "knock"), 5);
  EXPECT_EQ(put(first, "answer"), 6);
  loop.advance(10s);
  EXPECT_EQ(drain(first).bytes, "");
  EXPECT_EQ(drain(*client).bytes, "");
  EXPECT_EQ(network.targets.size(), 1U) << "who came meanwhile is not let through";

  set(LinkState::kNormal);
  // What was lost is sent again, and needs its way.
  loop.advance(49ms);
  EXPECT_EQ(drain(first).bytes, "");
  loop.advance(1ms);
  EXPECT_EQ(drain(first).bytes, "under way");
  EXPECT_EQ(drain(*client).bytes, "answer");
  ASSERT_EQ(network.targets.size(), 2U);
  loop.advance(99ms);
  EXPECT_EQ(drain(target()).bytes, "");
  loop.advance(1ms);
  EXPECT_EQ(drain(target()).bytes, "knock");
}

TEST_F(LinkTest, EndsAndResetsDoNotCrossACut) {
  const auto first = established();
  io::Stream& first_target = target();
  const auto second = established();
  io::Stream& second_target = target();
  set(LinkState::kCut);
  first->shutdown();
  second->abort();
  loop.settle();
  loop.advance(10s);
  EXPECT_FALSE(drain(first_target).end);
  EXPECT_FALSE(drain(second_target).reset);
  set(LinkState::kNormal);
  loop.advance(50ms);
  EXPECT_TRUE(drain(first_target).end);
  EXPECT_TRUE(drain(second_target).reset);
}

TEST_F(LinkTest, ResetEndsEveryConnectionAndEveryNewOneUntilItHeals) {
  const auto client = established();
  set(LinkState::kReset);
  EXPECT_TRUE(drain(*client).reset);
  EXPECT_TRUE(drain(target()).reset);
  const auto late = connect();
  EXPECT_TRUE(drain(*late).reset);
  EXPECT_EQ(network.targets.size(), 1U);
  EXPECT_EQ(link->counters().reset, 2U);
  set(LinkState::kNormal);
  const auto next = connect();
  EXPECT_EQ(put(*next, "x"), 1);
  EXPECT_EQ(when_arrives(target()), 150ms);
}

TEST_F(LinkTest, ResetAlsoEndsWhatIsStillBeingSetUpOrRefused) {
  const auto client = connect();
  network.refuses = true;
  const auto refused = connect();
  loop.advance(10ms);
  set(LinkState::kReset);
  EXPECT_TRUE(drain(*client).reset);
  EXPECT_TRUE(drain(*refused).reset);
}

TEST_F(LinkTest, SlowAddsToEveryRoundTrip) {
  const auto client = established();
  set(LinkState::kSlow, 200ms);
  EXPECT_EQ(put(*client, "x"), 1);
  loop.settle();
  EXPECT_EQ(when_arrives(target()), 150ms);
  EXPECT_EQ(put(target(), "y"), 1);
  loop.settle();
  EXPECT_EQ(when_arrives(*client), 150ms);
  const auto late = connect();
  EXPECT_EQ(put(*late, "x"), 1);
  EXPECT_EQ(when_arrives(target()), 450ms);
  // And never makes what comes later overtake.
  EXPECT_EQ(put(*client, "1"), 1);
  loop.settle();
  set(LinkState::kNormal);
  EXPECT_EQ(put(*client, "2"), 1);
  loop.settle();
  loop.advance(149ms);
  EXPECT_EQ(drain(*network.targets[0]).bytes, "");
  loop.advance(1ms);
  EXPECT_EQ(drain(*network.targets[0]).bytes, "12");
}

TEST_F(LinkTest, StoppingEndsWhatIsOpenEvenWhileCut) {
  const auto client = established();
  const auto starting = connect();
  set(LinkState::kCut);
  const auto waiting = connect();
  unmake();
  EXPECT_TRUE(drain(*client).reset);
  EXPECT_TRUE(drain(*starting).reset);
}

TEST_F(LinkTest, NothingRunsWhileNothingHappens) {
  const auto client = established();
  loop.settle();
  EXPECT_FALSE(loop.loop.run_once(loop.loop.now()));
  set(LinkState::kCut);
  EXPECT_EQ(put(*client, "x"), 1);
  loop.settle();
  EXPECT_EQ(loop.loop.timers().next(), kNever) << "a cut link waits for no moment";
}

TEST_F(LinkTest, BeyondTheLimitConnectionsWaitToBeAccepted) {
  std::vector<std::unique_ptr<io::Stream>> clients;
  for (std::uint64_t i = 0; i < Link::kMostConnections + 2; ++i) {
    clients.push_back(network.listeners.back()->connect());
  }
  loop.settle();
  EXPECT_EQ(link->counters().open, Link::kMostConnections);
  loop.advance(100ms);
  clients.front()->abort();
  loop.advance(50ms);
  EXPECT_EQ(link->counters().connections, Link::kMostConnections + 1);
}

}  // namespace
}  // namespace tdn::wan
