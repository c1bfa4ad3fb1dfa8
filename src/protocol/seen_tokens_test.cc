#include "protocol/seen_tokens.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"

namespace tdn::protocol {
namespace {

constexpr std::uint64_t kNowMs = 1'767'225'600'000;

RouteToken token(Random& random, std::uint64_t now_ms = kNowMs) {
  RouteToken made;
  made.request = {Uid::make({static_cast<std::int64_t>(now_ms) * 1000}, random)};
  made.issued_ms = now_ms;
  made.expiry_ms = now_ms + kLifetimeMs;
  return made;
}

TEST(SeenTokens, EachIsGoodOnce) {
  SeededRandom random{1};
  SeenTokens seen;
  RouteToken first = token(random);
  EXPECT_TRUE(seen.use(first, kNowMs).has_value());
  const auto again = seen.use(first, kNowMs + 1);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), Code::kInvalid);
  // Another expiry makes it no other token; another leg does, as does another request.
  first.expiry_ms += 5000;
  EXPECT_FALSE(seen.use(first, kNowMs).has_value());
  first.leg = 1;
  EXPECT_TRUE(seen.use(first, kNowMs).has_value());
  EXPECT_TRUE(seen.use(token(random), kNowMs).has_value());
}

TEST(SeenTokens, IsKeptUntilItsExpiryAndTheRoomIsUsedAgain) {
  SeededRandom random{1};
  SeenTokens seen(0);  // one bucket
  const RouteToken first = token(random);
  ASSERT_TRUE(seen.use(first, kNowMs).has_value());
  for (std::size_t i = 1; i < SeenTokens::kWays; ++i) {
    ASSERT_TRUE(seen.use(token(random), kNowMs).has_value());
  }
  const auto full = seen.use(token(random), kNowMs);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code(), Code::kOverloaded);
  EXPECT_EQ(seen.use(first, first.expiry_ms - 1).error().code(), Code::kInvalid);
  const std::uint64_t later = kNowMs + kLifetimeMs + 1000;
  for (std::size_t i = 0; i < SeenTokens::kWays; ++i) {
    EXPECT_TRUE(seen.use(token(random, later), later).has_value()) << i;
  }
}

TEST(SeenTokens, ThreeQuartersOfTheTableFillBeforeOneFindsNoRoom) {
  SeededRandom random{1};
  constexpr std::size_t kLog2 = 12;
  SeenTokens seen(kLog2);
  RouteToken last = token(random);
  for (std::size_t i = 0; i < (std::size_t{SeenTokens::kWays} << kLog2) * 3 / 4; ++i) {
    last = token(random);
    ASSERT_TRUE(seen.use(last, kNowMs).has_value()) << i;
    ASSERT_FALSE(seen.use(last, kNowMs).has_value()) << i;
  }
}

TEST(SeenTokens, OfManyWhoNoteTheSameTokensAtOnceOneMayUseEach) {
  SeededRandom random{1};
  SeenTokens seen(6);
  std::vector<RouteToken> tokens;
  for (int i = 0; i < 400; ++i) {
    tokens.push_back(token(random));
  }
  std::atomic<int> taken = 0;
  std::vector<std::jthread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&] {
      for (const RouteToken& each : tokens) {
        taken += seen.use(each, kNowMs) ? 1 : 0;
      }
    });
  }
  shards.clear();
  // Never twice. Two who meet may both be told that another was first.
  EXPECT_LE(taken, 400);
  EXPECT_GT(taken, 360);
}

TEST(SeenTokens, TimeMayWrapAroundInTheTable) {
  SeededRandom random{1};
  SeenTokens seen(0);
  // The ticks of a slot wrap after 2^16 · 256 ms: at every point before and behind it works alike.
  for (std::uint64_t step = 0; step < 200; ++step) {
    const std::uint64_t now = kNowMs + step * 100'000;
    const RouteToken made = token(random, now);
    EXPECT_TRUE(seen.use(made, now).has_value()) << step;
    EXPECT_FALSE(seen.use(made, now + kLifetimeMs - 1).has_value()) << step;
  }
}

}  // namespace
}  // namespace tdn::protocol
