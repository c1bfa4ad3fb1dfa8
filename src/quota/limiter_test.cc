#include "quota/limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <thread>

#include "domain/identity.h"

namespace tdn::quota {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Instant kStart = 1h;
constexpr domain::KeyIndex kFirst{0};
constexpr domain::KeyIndex kSecond{1};

template <class Spec>
domain::Object<Spec> object(std::string name, domain::LimitsSpec limits) {
  domain::Object<Spec> result;
  result.metadata.name = std::move(name);
  result.spec.limits = limits;
  return result;
}

class LimiterTest : public testing::Test {
 protected:
  struct Limits {
    domain::LimitsSpec key = {};
    domain::LimitsSpec project = {};
    domain::LimitsSpec tenant = {};
  };

  // Two keys of one project; the limits of a level are those of both keys.
  void load(const Limits& limits) {
    domain::Manifests all;
    all.tenants = {object<domain::TenantSpec>("t", limits.tenant)};
    all.projects = {object<domain::ProjectSpec>("t/p", limits.project)};
    all.keys = {object<domain::KeySpec>("t/p/a", limits.key),
                object<domain::KeySpec>("t/p/b", limits.key)};
    domain::update(ids_, all, {}, random_);
    const auto snapshot = domain::Snapshot::compile(all, ids_);
    previous_.push_back(limiter_);
    limiter_ = Limiter::create(*snapshot, limiter_.get());
  }
  [[nodiscard]] Admission admit(std::int64_t tokens = 0, Instant now = kStart,
                                domain::KeyIndex key = kFirst) const {
    return limiter_->admit(key, tokens, now);
  }

  SeededRandom random_{1};
  domain::Identities ids_;
  std::vector<std::shared_ptr<const Limiter>> previous_;  // requests still hold on to them
  std::shared_ptr<const Limiter> limiter_;
};

TEST_F(LimiterTest, WithoutLimitsEverythingPassesAndNothingIsTold) {
  load({});
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_FALSE(admit(1'000'000).refusal.has_value());
  }
  EXPECT_EQ(admit().windows.requests.limit, 0);
  EXPECT_EQ(admit().windows.tokens.limit, 0);
}

TEST_F(LimiterTest, RequestsPerMinute) {
  load({.key = {.requests_per_minute = 3}});
  EXPECT_EQ(admit().windows.requests.remaining, 2);
  EXPECT_EQ(admit().windows.requests.remaining, 1);
  EXPECT_EQ(admit().windows.requests.reset, 60s);
  const Admission refused = admit();
  ASSERT_TRUE(refused.refusal.has_value());
  EXPECT_EQ(refused.refusal->limit, Limit::kRequests);
  EXPECT_EQ(refused.refusal->retry_after, 20s);
  EXPECT_EQ(refused.windows.requests.limit, 3);
  EXPECT_EQ(refused.windows.requests.remaining, 0);
  EXPECT_FALSE(admit(0, kStart, kSecond).refusal.has_value());
  EXPECT_FALSE(admit(0, kStart + 20s).refusal.has_value());
}

TEST_F(LimiterTest, TokensAreReservedAndSetRightByUsage) {
  load({.key = {.tokens_per_minute = 1'000}});
  Admission first = admit(800);
  ASSERT_FALSE(first.refusal.has_value());
  EXPECT_EQ(first.windows.tokens.remaining, 200);
  EXPECT_EQ(admit(201).refusal->limit, Limit::kTokens);
  first.reservation.settle(100);
  EXPECT_EQ(limiter_->windows(kFirst, kStart).tokens.remaining, 900);
  first.reservation.settle(150);  // the last word counts
  EXPECT_EQ(limiter_->windows(kFirst, kStart).tokens.remaining, 850);
}

TEST_F(LimiterTest, AReservationIsAtMostTheWholeLimit) {
  load({.key = {.tokens_per_minute = 1'000}});
  const Admission large = admit(1'000'000);
  ASSERT_FALSE(large.refusal.has_value());
  EXPECT_EQ(large.windows.tokens.remaining, 0);
  EXPECT_EQ(admit(1).refusal->retry_after, 60ms);
}

TEST_F(LimiterTest, UsageBeyondTheReservationOverdraws) {
  load({.key = {.tokens_per_minute = 1'000}});
  Admission request = admit(10);
  request.reservation.settle(3'000);
  const Windows windows = limiter_->windows(kFirst, kStart);
  EXPECT_EQ(windows.tokens.remaining, 0);
  EXPECT_EQ(windows.tokens.reset, 180s);
  EXPECT_EQ(admit(1'000).refusal->retry_after, 180s);
}

TEST_F(LimiterTest, ARequestThatUsedNothingGivesItsTokensBack) {
  load({.key = {.requests_per_minute = 10, .tokens_per_minute = 1'000}});
  {
    const Admission dropped = admit(700);
  }
  EXPECT_EQ(limiter_->windows(kFirst, kStart).tokens.remaining, 1'000);
  EXPECT_EQ(limiter_->windows(kFirst, kStart).requests.remaining, 9);
}

TEST_F(LimiterTest, ConcurrencyIsHeldUntilTheReservationEnds) {
  load({.key = {.concurrency = 2}});
  {
    const Admission first = admit();
    const Admission second = admit();
    const Admission third = admit();
    ASSERT_TRUE(third.refusal.has_value());
    EXPECT_EQ(third.refusal->limit, Limit::kConcurrency);
    EXPECT_EQ(
        to_string(to_error(*third.refusal)),
        "rate_limit_exceeded: Limit of 2 requests at once of this key reached; wait for one to "
        "end.");
  }
  EXPECT_FALSE(admit().refusal.has_value());
}

TEST_F(LimiterTest, EveryLevelIsChargedAndTheTightestIsTold) {
  load({.key = {.requests_per_minute = 100}, .project = {.requests_per_minute = 3}});
  EXPECT_EQ(admit().windows.requests.limit, 3);
  EXPECT_FALSE(admit(0, kStart, kSecond).refusal.has_value());
  EXPECT_FALSE(admit(0, kStart, kSecond).refusal.has_value());
  const Admission refused = admit();
  EXPECT_EQ(refused.refusal->level, Level::kProject);
  EXPECT_THAT(to_error(*refused.refusal).detail(),
              HasSubstr("this project reached; try again in 20s"));
}

TEST_F(LimiterTest, ARefusalByOneLevelChargesNone) {
  load({.key = {.requests_per_minute = 10, .tokens_per_minute = 1'000, .concurrency = 10},
        .tenant = {.concurrency = 1}});
  const Admission open = admit(100);
  const Windows before = limiter_->windows(kFirst, kStart);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(admit(100).refusal->level, Level::kTenant);
  }
  const Windows after = limiter_->windows(kFirst, kStart);
  EXPECT_EQ(after.requests.remaining, before.requests.remaining);
  EXPECT_EQ(after.tokens.reset, before.tokens.reset);
}

TEST_F(LimiterTest, AReloadKeepsDebtsAndOpenRequests) {
  load({.key = {.requests_per_minute = 4, .tokens_per_minute = 1'000, .concurrency = 2}});
  Admission open = admit(1'000);
  Admission second = admit(0);
  load({.key = {.requests_per_minute = 8, .tokens_per_minute = 2'000, .concurrency = 2}});
  EXPECT_EQ(admit(0).refusal->limit, Limit::kConcurrency);
  EXPECT_EQ(limiter_->windows(kFirst, kStart).requests.remaining, 4);  // half a minute is used up
  EXPECT_EQ(limiter_->windows(kFirst, kStart).tokens.remaining, 0);
  open.reservation.settle(0);
  EXPECT_EQ(limiter_->windows(kFirst, kStart).tokens.remaining, 2'000);
  open = {};
  second = {};
  EXPECT_FALSE(admit(0).refusal.has_value());
}

TEST_F(LimiterTest, WhatIsCreatedAgainInheritsNoDebt) {
  load({.key = {.requests_per_minute = 1}});
  const Admission first = admit();
  ASSERT_TRUE(admit().refusal.has_value());
  domain::update(ids_, {}, {}, random_);  // all deleted
  load({.key = {.requests_per_minute = 1}});
  EXPECT_FALSE(admit().refusal.has_value());
}

TEST_F(LimiterTest, ShardsTogetherStayWithinEveryLimitAndLeaveNothingBehind) {
  load({.key = {.requests_per_minute = 700, .concurrency = 3},
        .tenant = {.requests_per_minute = 1'000, .tokens_per_minute = 1'000'000}});
  std::array<std::atomic<int>, 2> admitted{};
  std::array<std::atomic<int>, 2> open{};
  std::atomic<int> most_open = 0;
  std::vector<std::jthread> shards;
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&, shard] {
      for (int i = 0; i < 1'000; ++i) {
        const std::uint32_t key = shard % 2;
        Admission admission = limiter_->admit({key}, 100, kStart);
        if (!admission.refusal) {
          ++admitted[key];
          const int now = ++open[key];
          int seen = most_open;
          while (seen < now && !most_open.compare_exchange_weak(seen, now)) {
          }
          admission.reservation.settle(i % 50);
          --open[key];
        }
      }
    });
  }
  shards.clear();
  EXPECT_LE(most_open, 3);
  EXPECT_LE(admitted[0], 700);
  EXPECT_LE(admitted[1], 700);
  EXPECT_EQ(admitted[0] + admitted[1], 1'000);
  EXPECT_EQ(admit().refusal->level, Level::kTenant);
  EXPECT_FALSE(admit(0, kStart + 60s).refusal.has_value());
}

// Against counts kept by hand: sums of what is reserved and used, per level, with time standing
// still.
TEST_F(LimiterTest, TokensAddUpOverAnySequence) {
  EXPECT_TRUE(rc::check("remaining = limit - reserved - used", [this] {
    ids_ = {};
    limiter_ = nullptr;
    load({.key = {.tokens_per_minute = 60'000}, .tenant = {.tokens_per_minute = 120'000}});
    std::array<std::int64_t, 2> used{};
    std::deque<std::pair<std::uint32_t, Admission>> open;
    std::deque<std::int64_t> reserved;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 90'000));
    for (const int tokens : steps) {
      const auto key = *rc::gen::inRange(0U, 2U);
      if (tokens % 3 == 0 && !open.empty()) {
        const auto owner = open.front().first;
        open.front().second.reservation.settle(tokens);
        used[owner] += tokens - reserved.front();
        open.pop_front();
        reserved.pop_front();
        continue;
      }
      // The tenant takes the whole cost, a key at most its limit: stay below, so that both agree.
      const std::int64_t cost = tokens % 60'000;
      const bool fits = used[key] + cost <= 60'000 && used[0] + used[1] + cost <= 120'000;
      Admission admission = limiter_->admit({key}, cost, kStart);
      RC_ASSERT(admission.refusal.has_value() == !fits);
      if (fits) {
        used[key] += cost;
        open.emplace_back(key, std::move(admission));
        reserved.push_back(cost);
      }
    }
  }));
}

TEST(Headers, DurationsAreSpeltAsOpenAiDoes) {
  EXPECT_EQ(to_header(0s), "0s");
  EXPECT_EQ(to_header(1s), "1s");
  EXPECT_EQ(to_header(1ns), "1ms");
  EXPECT_EQ(to_header(120ms), "120ms");
  EXPECT_EQ(to_header(8'640ms), "8.64s");
  EXPECT_EQ(to_header(6min), "6m0s");
  EXPECT_EQ(to_header(61'500ms), "1m1.5s");
  EXPECT_EQ(to_header(1h), "1h0m0s");
  EXPECT_EQ(to_header(-1s), "0s");
}

}  // namespace
}  // namespace tdn::quota
