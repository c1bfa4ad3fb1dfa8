#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <limits>
#include <thread>
#include <vector>

#include "quota/rate.h"
#include "quota/reservation.h"

namespace tdn::quota {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow = 2h;

TEST(Rate, AMinutesWorthAtOnceAndNoMore) {
  const Rate rate(10);
  RateState state = 0;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(rate.take(state, 1, kNow), 0s) << i;
  }
  EXPECT_EQ(rate.remaining(state, kNow), 0);
  EXPECT_EQ(rate.take(state, 1, kNow), 6s);
  EXPECT_EQ(rate.take(state, 1, kNow + 6s), 0s);
}

TEST(Rate, SavingForAnHourBuysOneMinute) {
  const Rate rate(10);
  RateState state = 0;
  EXPECT_EQ(rate.remaining(state, kNow + 1h), 10);
}

TEST(Rate, MoreThanTheLimitFitsIntoAnUntouchedMinute) {
  const Rate rate(100);
  RateState state = 0;
  EXPECT_EQ(rate.take(state, 5'000, kNow), 0s);
  EXPECT_EQ(rate.take(state, 5'000, kNow), 60s);
}

TEST(Rate, DebtIsNeverRefusedAndDelaysWhatFollows) {
  const Rate rate(60);
  RateState state = 0;
  ASSERT_EQ(rate.take(state, 60, kNow), 0s);
  rate.correct(state, 30);
  EXPECT_EQ(rate.remaining(state, kNow), 0);
  EXPECT_EQ(Rate::reset(state, kNow), 90s);
  EXPECT_EQ(rate.take(state, 1, kNow), 31s);
}

TEST(Rate, SpendersTogetherNeverSpendMoreThanTheLimit) {
  const Rate rate(1'000);
  RateState state = 0;
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> spenders;
    for (int spender = 0; spender < 4; ++spender) {
      spenders.emplace_back([&] {
        for (int i = 0; i < 1'000; ++i) {
          taken += rate.take(state, 1, kNow) == 0s ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(taken, 1'000);
}

RC_GTEST_PROP(Rate, TheTimeItNamesIsTheFirstThatSucceeds, ()) {
  const Rate rate(*rc::gen::inRange<std::int64_t>(1, 100'000));
  RateState state = 0;
  Instant now = kNow;
  const auto costs =
      *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 5'000));
  for (const std::int64_t cost : costs) {
    const Duration wait = rate.take(state, cost, now);
    if (wait > 0s) {
      RC_ASSERT(rate.take(state, cost, now + wait - 1ns) > 0s);
      RC_ASSERT(rate.take(state, cost, now + wait) == 0s);
      now += wait;
    }
  }
}

TEST(Rate, NonsenseFromAnEngineClosesALimitForAnHourAtMost) {
  const Rate rate(1);
  RateState state = 0;
  ASSERT_EQ(rate.take(state, 1, kNow), 0s);
  rate.correct(state, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Rate::reset(state, kNow), 1h + 60s);
  rate.correct(state, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Rate::reset(state, kNow), 60s);
}

RC_GTEST_PROP(Rate, GivingBackLeavesThingsAsIfNothingHadBeenTaken, ()) {
  const Rate rate(*rc::gen::inRange<std::int64_t>(1, 100'000));
  RateState state = 0;
  Instant now = kNow;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30'000));
  for (const int ms : steps) {
    now += std::chrono::milliseconds(ms);
    const Duration before = Rate::reset(state, now);
    const auto units = *rc::gen::inRange<std::int64_t>(0, rate.per_minute() + 1);
    if (rate.take(state, units, now) == 0s) {
      rate.correct(state, -units);
    }
    RC_ASSERT(Rate::reset(state, now) == before);
    static_cast<void>(rate.take(state, units / 2, now));
  }
}

// Over any stretch of time no more is granted than the stretch earns and one minute's worth.
RC_GTEST_PROP(Rate, NeverGrantsMoreThanItsRateAndOneMinute, ()) {
  const Rate rate(*rc::gen::inRange<std::int64_t>(1, 10'000));
  RateState state = 0;
  Instant now = kNow;
  std::int64_t granted = 0;
  for (int i = 0; i < 100; ++i) {
    now += std::chrono::milliseconds(*rc::gen::inRange(0, 3'000));
    const auto units = *rc::gen::inRange<std::int64_t>(1, rate.per_minute() + 1);
    granted += rate.take(state, units, now) == 0s ? units : 0;
    const double earned = static_cast<double>((now - kNow + 60s).count()) / 60e9 *
                          static_cast<double>(rate.per_minute());
    RC_ASSERT(static_cast<double>(granted) <= earned * (1 + 1e-6) + 1e-6);
  }
}

class Levels : public ::testing::Test {
 protected:
  Limiter limiter(const Limits& limits) { return {limits, std::make_shared<Spent>()}; }
};

TEST_F(Levels, OneRefusalTakesNothingAnywhere) {
  const Limiter key =
      limiter({.requests_per_minute = 10, .tokens_per_minute = 100, .concurrency = 5});
  const Limiter project = limiter({.requests_per_minute = 10, .tokens_per_minute = 20});
  const std::array levels{&key, &project};
  Reservation first;
  ASSERT_FALSE(first.take(levels, 20, kNow).has_value());
  Reservation second;
  const auto refused = second.take(levels, 20, kNow);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->error.code(), Code::kRateLimitExceeded);
  EXPECT_NE(refused->error.detail().find("project"), std::string::npos);
  EXPECT_EQ(refused->retry_after, 60s);
  const LimitState state = first.state(kNow);
  EXPECT_EQ(state.requests->remaining, 9);
  EXPECT_EQ(state.tokens->remaining, 0);
  EXPECT_EQ(state.tokens->limit, 20);
  EXPECT_EQ(key.spent()->running, 1);
}

TEST_F(Levels, ARefusalShowsWhatIsLeft) {
  const Limiter key = limiter({.requests_per_minute = 1});
  const std::array levels{&key};
  Reservation first;
  ASSERT_FALSE(first.take(levels, 0, kNow).has_value());
  Reservation second;
  ASSERT_TRUE(second.take(levels, 0, kNow).has_value());
  EXPECT_EQ(second.state(kNow).requests->remaining, 0);
  EXPECT_EQ(second.state(kNow).requests->reset, 60s);
}

TEST_F(Levels, ShardsTogetherStayWithinEveryLimitAndLeaveNothingBehind) {
  const Limiter key = limiter({.concurrency = 2});
  const Limiter tenant = limiter({.requests_per_minute = 500, .tokens_per_minute = 1'000'000});
  const std::array levels{&key, &tenant};
  std::atomic<int> admitted = 0;
  std::atomic<int> open = 0;
  std::atomic<int> most = 0;
  {
    std::vector<std::jthread> shards;
    for (int shard = 0; shard < 4; ++shard) {
      shards.emplace_back([&] {
        for (int i = 0; i < 2'000; ++i) {
          Reservation reservation;
          if (reservation.take(levels, 100, kNow)) {
            continue;
          }
          ++admitted;
          const int now = ++open;
          int seen = most;
          while (seen < now && !most.compare_exchange_weak(seen, now)) {
          }
          reservation.settle(0);
          --open;
        }
      });
    }
  }
  EXPECT_EQ(admitted, 500);
  EXPECT_LE(most, 2);
  EXPECT_EQ(key.spent()->running, 0);
  EXPECT_EQ(Rate::reset(tenant.spent()->tokens, kNow), 0s);
}

TEST_F(Levels, SettlingCorrectsEachLevelFromWhatItReserved) {
  const Limiter key = limiter({.tokens_per_minute = 50});
  const Limiter tenant = limiter({.tokens_per_minute = 1'000});
  const std::array levels{&key, &tenant};
  Reservation reservation;
  ASSERT_FALSE(reservation.take(levels, 200, kNow).has_value());
  reservation.settle(80);
  reservation.settle(80);
  const Rate of_key(50);
  const Rate of_tenant(1'000);
  EXPECT_EQ(Rate::reset(key.spent()->tokens, kNow), 96s);  // 80 of 50 per minute
  EXPECT_EQ(of_tenant.remaining(tenant.spent()->tokens, kNow), 920);
}

TEST_F(Levels, PlacesComeBackWhenReservationsEnd) {
  const Limiter key = limiter({.concurrency = 1});
  const std::array levels{&key};
  {
    Reservation one;
    ASSERT_FALSE(one.take(levels, 0, kNow).has_value());
    Reservation moved = std::move(one);
    Reservation two;
    EXPECT_TRUE(two.take(levels, 0, kNow).has_value());
  }
  Reservation three;
  EXPECT_FALSE(three.take(levels, 0, kNow).has_value());
}

TEST_F(Levels, ALoweredLimitInheritsWhatWasSpent) {
  const auto spent = std::make_shared<Spent>();
  const Limiter before({.requests_per_minute = 60, .concurrency = 2}, spent);
  const Limiter after({.requests_per_minute = 30, .concurrency = 1}, spent);
  const std::array old_levels{&before};
  Reservation running;
  ASSERT_FALSE(running.take(old_levels, 0, kNow).has_value());
  const std::array levels{&after};
  Reservation refused;
  EXPECT_TRUE(refused.take(levels, 0, kNow).has_value());
  EXPECT_EQ(Rate::reset(spent->requests, kNow), 1s);
}

TEST_F(Levels, WithoutLimitsNothingIsShown) {
  const Limiter key = limiter({});
  const std::array levels{&key};
  Reservation reservation;
  ASSERT_FALSE(reservation.take(levels, 1'000'000, kNow).has_value());
  EXPECT_FALSE(reservation.state(kNow).requests.has_value());
  EXPECT_TRUE(key.unlimited());
}

}  // namespace
}  // namespace tdn::quota
