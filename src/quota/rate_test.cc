#include "quota/rate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tdn::quota {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart = 1h;

bool take(Rate& rate, std::int64_t units, std::int64_t per_minute, Instant now) {
  return rate.try_take(cost_of(units, per_minute), now);
}

TEST(Rate, ExactlyAMinutesWorthFitsAtOnce) {
  for (const std::int64_t per_minute : {1, 7, 60, 600, 999, 100'000}) {
    Rate rate;
    for (std::int64_t i = 0; i < per_minute; ++i) {
      ASSERT_TRUE(take(rate, 1, per_minute, kStart)) << per_minute << " at " << i;
    }
    EXPECT_FALSE(take(rate, 1, per_minute, kStart)) << per_minute;
  }
}

TEST(Rate, AnIdleHourSavesUpNoMoreThanAMinute) {
  Rate rate;
  EXPECT_TRUE(take(rate, 10, 10, kStart + 1h));
  EXPECT_FALSE(take(rate, 1, 10, kStart + 1h));
}

TEST(Rate, TheWaitIsTheFirstMomentThatSucceeds) {
  EXPECT_TRUE(rc::check("wait_for is exact", [] {
    Rate rate;
    const std::int64_t per_minute = *rc::gen::inRange(1, 100'000);
    Instant now = kStart;
    for (int i = 0; i < 20; ++i) {
      const Duration cost = cost_of(*rc::gen::inRange<std::int64_t>(0, per_minute + 1), per_minute);
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 20'000));
      const Duration wait = rate.wait_for(cost, now);
      if (wait > 0ns) {
        RC_ASSERT(!rate.try_take(cost, now + wait - 1ns));
      }
      RC_ASSERT(rate.try_take(cost, now + wait));
      now += wait;
    }
  }));
}

TEST(Rate, GivingBackLeavesThingsAsIfNothingHadBeenTaken) {
  EXPECT_TRUE(rc::check("take and give back is nothing", [] {
    Rate rate;
    Instant now = kStart;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30'000));
    for (const int ms : steps) {
      now += std::chrono::milliseconds(ms);
      const Duration before = rate.ahead(now);
      const Duration cost = std::chrono::milliseconds(*rc::gen::inRange(0, 60'001));
      if (rate.try_take(cost, now)) {
        rate.correct(-cost);
      }
      RC_ASSERT(rate.ahead(now) == before);
      RC_ASSERT(rate.ahead(now + 1s) == std::max(before - 1s, Duration::zero()));
      if (*rc::gen::inRange(0, 2) == 0) {
        static_cast<void>(rate.try_take(cost / 2, now));
      }
    }
  }));
}

// Over any stretch of time no more is granted than the stretch earns plus one minute's worth.
TEST(Rate, NeverGrantsMoreThanItsRateAndOneMinute) {
  EXPECT_TRUE(rc::check("bounded by rate and burst", [] {
    Rate rate;
    const std::int64_t per_minute = *rc::gen::inRange(1, 10'000);
    Instant now = kStart;
    Duration granted{};
    for (int i = 0; i < 100; ++i) {
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 3'000));
      const Duration cost = cost_of(*rc::gen::inRange<std::int64_t>(1, per_minute + 1), per_minute);
      if (rate.try_take(cost, now)) {
        granted += cost;
      }
      RC_ASSERT(granted <= now - kStart + kMinute);
    }
  }));
}

TEST(Rate, OverdrawingDelaysWhatComesNext) {
  Rate rate;
  ASSERT_TRUE(take(rate, 60, 60, kStart));
  rate.correct(cost_of(30, 60));
  EXPECT_EQ(rate.ahead(kStart), 90s);
  EXPECT_EQ(rate.wait_for(cost_of(1, 60), kStart), 31s);
}

TEST(Rate, ACostIsBoundedSoThatNothingOverflows) {
  EXPECT_EQ(cost_of(INT64_MAX, 1), kMostCost);
  EXPECT_EQ(cost_of(1, 1'000'000'000), 60ns);
  Rate rate;
  for (int i = 0; i < 1'000'000; ++i) {
    rate.correct(kMostCost);
  }
  EXPECT_FALSE(rate.try_take(0ns, kStart));
}

TEST(Rate, ShardsTogetherNeverTakeMoreThanThereIs) {
  Rate rate;
  std::atomic<int> taken = 0;
  std::vector<std::jthread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        taken += take(rate, 1, 1'000, kStart) ? 1 : 0;
      }
    });
  }
  shards.clear();
  EXPECT_EQ(taken, 1'000);
}

}  // namespace
}  // namespace tdn::quota
