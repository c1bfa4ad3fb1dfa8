#include "route/health.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/random.h"
#include "route/endpoint_state.h"

namespace tdn::route {
namespace {

using namespace std::chrono_literals;
using enum Observation;

constexpr Instant kStart = 1h;

HealthState after_all(std::initializer_list<Observation> observations, Instant now = kStart,
                      HealthState state = {}) {
  for (const Observation observation : observations) {
    state = after(state, observation, now);
  }
  return state;
}

TEST(Health, ARefusedConnectionIsDownAtOnce) {
  EXPECT_EQ(after_all({kRefused}).health, Health::kDown);
  EXPECT_EQ(after_all({kAnswered, kRefused}).health, Health::kDown);
  EXPECT_EQ(after_all({kProbeAnswered, kProbeRefused}).health, Health::kDown);
}

TEST(Health, AProbeBringsBackWhatRefusedConnections) {
  EXPECT_EQ(after_all({kRefused, kProbeAnswered}).health, Health::kUp);
  EXPECT_EQ(after_all({kRefused, kAnswered}).health, Health::kDown);  // a late answer does not
}

TEST(Health, ThreeFailuresInARowEject) {
  EXPECT_EQ(after_all({kServerError, kTimedOut}).health, Health::kUnknown);
  EXPECT_EQ(after_all({kServerError, kTimedOut, kBroken}).health, Health::kEjected);
  EXPECT_EQ(after_all({kServerError, kTimedOut, kAnswered, kBroken, kBroken}).health, Health::kUp);
}

TEST(Health, ProbesDoNotExcuseFailingRequests) {
  EXPECT_EQ(after_all({kAnswered, kServerError, kProbeAnswered, kServerError, kProbeAnswered,
                       kServerError})
                .health,
            Health::kEjected);
}

HealthState after_each_by(std::initializer_list<Requester> tenants, HealthState state = {}) {
  for (const Requester tenant : tenants) {
    state = after(state, kServerError, kStart, tenant);
  }
  return state;
}

TEST(Health, OneTenantAloneTakesNothingFromOthers) {
  const HealthState alone = after_each_by({7, 7, 7, 7, 7, 7});
  EXPECT_EQ(alone.health, Health::kUnknown);
  EXPECT_TRUE(blames_one(alone));
  EXPECT_FALSE(blames_one(after_each_by({7, 7})));
}

TEST(Health, TwoTenantsAreEnough) {
  EXPECT_EQ(after_each_by({7, 7, 8}).health, Health::kEjected);
  EXPECT_EQ(after_each_by({7, 8, 7}).health, Health::kEjected);
  EXPECT_EQ(after_each_by({7, 8}).health, Health::kUnknown);
}

TEST(Health, OneTenantsFailuresCountWithAFailedProbe) {
  EXPECT_EQ(after(after_each_by({7, 7, 7}), kProbeFailed, kStart).health, Health::kEjected);
  EXPECT_EQ(after_each_by({7, 7, 7}, after_all({kProbeAnswered, kProbeFailed})).health,
            Health::kEjected);
}

TEST(Health, AnAnswerForgetsWhoFailedBefore) {
  HealthState state = after(after_each_by({7, 7}), kAnswered, kStart, 8);
  state = after_each_by({8, 8, 8}, state);
  EXPECT_EQ(state.health, Health::kUp);
  EXPECT_TRUE(blames_one(state));
}

TEST(Health, TheWaySpeaksForItself) {
  for (const Observation observation : {kRefused, kProbeRefused}) {
    const HealthState state = after(after_all({kAnswered}), observation, kStart, 7);
    EXPECT_EQ(state.health, Health::kDown);
    EXPECT_TRUE(state.away);
  }
  const HealthState told = after_all({kAnswered, kToldDown});
  EXPECT_EQ(told.health, Health::kDown);
  EXPECT_FALSE(told.away) << "its edge answers";
  EXPECT_TRUE(after_all({kAnswered, kProbeFailed, kProbeFailed}).away);
}

TEST(Health, WhatComesBackIsTrustedLittleByLittle) {
  HealthState state = after_all({kAnswered, kRefused});
  EXPECT_EQ(trust(state, kStart), 100) << "down: no question of trust";
  state = after(state, kProbeAnswered, kStart);
  EXPECT_EQ(trust(state, kStart), kSlowStartPercent);
  EXPECT_EQ(trust(state, kStart + kSlowStart / 2), 55);
  EXPECT_EQ(trust(state, kStart + kSlowStart), 100);
  EXPECT_EQ(trust(after_all({kRefused, kProbeAnswered}), kStart), 100)
      << "it starts for the first time";
}

FailureWindow window_of(int answered, int failed, Requester who) {
  FailureWindow window;
  window = after(window, true, kStart, 1);
  for (int i = 0; i < answered; ++i) {
    window = after(window, false, kStart + 1s, 9);
  }
  for (int i = 1; i < failed; ++i) {
    window = after(window, true, kStart + 2s, who);
  }
  return window;
}

TEST(FailureWindow, EjectsWhatFailsAsOftenAsItAnswers) {
  EXPECT_TRUE(ejects(window_of(10, 10, 2)));
  EXPECT_FALSE(ejects(window_of(11, 10, 2)));
  EXPECT_FALSE(ejects(window_of(0, 9, 2)));
  EXPECT_FALSE(ejects(window_of(0, 200, 1))) << "one tenant alone";
}

TEST(FailureWindow, BeginsAnewAfterTenSeconds) {
  const FailureWindow later = after(window_of(3, 9, 2), true, kStart + kWindow, 5);
  EXPECT_EQ(later.failed, 1);
  EXPECT_EQ(later.answered, 0);
  EXPECT_EQ(after(later, false, kStart + 3 * kWindow, 5), FailureWindow{});
  EXPECT_EQ(window_of(0, 300, 2).failed, 172) << "300 less 128 halved away";
}

TEST(Health, TwoFailedProbesInARowAreDown) {
  EXPECT_EQ(after_all({kProbeAnswered, kProbeFailed}).health, Health::kUp);
  EXPECT_EQ(after_all({kProbeAnswered, kProbeFailed, kProbeAnswered, kProbeFailed}).health,
            Health::kUp);
  EXPECT_EQ(after_all({kProbeAnswered, kProbeFailed, kProbeFailed}).health, Health::kDown);
}

TEST(Health, EachFallDoublesTheHoldAndHealthForgetsThem) {
  HealthState state;
  Instant now = kStart;
  for (const Duration hold : {1s, 2s, 4s, 8s, 16s, 32s, 32s}) {
    state = after_all({kServerError, kServerError, kServerError}, now, state);
    ASSERT_EQ(state.health, Health::kEjected);
    EXPECT_EQ(after(state, kProbeAnswered, now + hold - 1ns).health, Health::kEjected)
        << hold.count();
    now += hold;
    state = after(state, kProbeAnswered, now);
    ASSERT_EQ(state.health, Health::kUp) << hold.count();
  }
  now += kForgiveness;
  state = after_all({kAnswered, kServerError, kServerError, kServerError}, now, state);
  EXPECT_EQ(after(state, kProbeAnswered, now + 1s).health, Health::kUp);
}

TEST(HealthProperty, OnlyAProbeLifts) {
  EXPECT_TRUE(rc::check("down stays down without a successful probe", [] {
    HealthState state;
    Instant now = kStart;
    const auto observations = *rc::gen::container<std::vector<int>>(
        rc::gen::inRange(0, static_cast<int>(kToldEjected) + 1));
    for (const int number : observations) {
      const auto observation = static_cast<Observation>(number);
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 5'000));
      const auto who = static_cast<Requester>(*rc::gen::inRange(0, 4));
      const HealthState next = after(state, observation, now, who);
      const bool out = state.health == Health::kDown || state.health == Health::kEjected;
      if (out && (next.health == Health::kUp || next.health == Health::kUnknown)) {
        RC_ASSERT(observation == kProbeAnswered);
        RC_ASSERT(now >= state.since);
      }
      RC_ASSERT(next.failures <= kFailures && next.falls <= kMostDoublings + 1);
      state = next;
    }
  }));
}

TEST(EndpointState, BehavesAsTheStateMachine) {
  EXPECT_TRUE(rc::check("the packed state follows the machine", [] {
    EndpointState packed;
    HealthState plain;
    FailureWindow window;
    std::int64_t ms = 3'600'000;
    const auto observations = *rc::gen::container<std::vector<int>>(
        rc::gen::inRange(0, static_cast<int>(kToldEjected) + 1));
    for (const int number : observations) {
      ms += *rc::gen::inRange(0, 5'000);
      const auto observation = static_cast<Observation>(number);
      const auto who = static_cast<Requester>(*rc::gen::inRange(0, 3));
      const Instant now = std::chrono::milliseconds(ms);
      packed.observe(observation, now, who);
      plain = after(plain, observation, now, who);
      if (is_failed_request(observation) || observation == kAnswered) {
        window = after(window, observation != kAnswered, now, who);
        if (ejects(window)) {
          window = {};
          plain = ejected(plain, now);
        }
      }
      RC_ASSERT(packed.health_state() == plain);
    }
  }));
}

TEST(EndpointState, ShunsTheOneTenantWhoseRequestsFailLongerEachTime) {
  EndpointState state;
  Instant now = kStart;
  for (const Duration hold : {1s, 2s, 4s, 8s, 16s, 32s, 32s}) {
    for (int i = 0; i < 3; ++i) {
      state.observe(kServerError, now, 7);
    }
    EXPECT_TRUE(state.shuns(7, now + hold - 1ms)) << hold.count();
    EXPECT_FALSE(state.shuns(7, now + hold)) << hold.count();
    EXPECT_FALSE(state.shuns(8, now));
    now += hold;
  }
  EXPECT_NE(state.health(), Health::kEjected);
  now += kForgiveness;
  state.observe(kServerError, now, 7);
  EXPECT_FALSE(state.shuns(7, now + 1s)) << "forgiven";
}

TEST(EndpointState, IsEjectedForFailingOftenAmongAnswers) {
  EndpointState state;
  for (Requester i = 0; i < 10; ++i) {
    ASSERT_NE(state.health(), Health::kEjected) << i;
    state.observe(kServerError, kStart, static_cast<Requester>(1 + i % 2));
    if (i < 9) {
      state.observe(kAnswered, kStart, 3);
    }
  }
  EXPECT_EQ(state.health(), Health::kEjected);
}

TEST(EndpointState, RemembersItsLastFailure) {
  EndpointState state;
  state.observe(kAnswered, kStart);
  EXPECT_FALSE(state.last_failure().has_value());
  state.observe(kTimedOut, kStart + 5ms);
  state.observe(kAnswered, kStart + 6ms);
  ASSERT_TRUE(state.last_failure().has_value());
  EXPECT_EQ(state.last_failure()->what, kTimedOut);
  EXPECT_EQ(state.last_failure()->when, kStart + 5ms);
}

TEST(EndpointState, APauseIsOnlyEverLengthened) {
  EndpointState state;
  state.pause_until(kStart + 5s);
  state.pause_until(kStart + 1s);
  EXPECT_EQ(state.paused_until(), kStart + 5s);
}

TEST(EndpointState, KeepsTheNewestReportAndWhatWasUnderWayThen) {
  EndpointState state;
  EXPECT_FALSE(state.reported().has_value());
  const auto ours = InFlight::try_begin(state, 8);
  state.report({.running = 3, .waiting = 2, .slots = 4, .prefill_ns_per_token = 70}, kStart - 250ms,
               kStart);
  state.report({.running = 9}, kStart - 251ms, kStart + 1ms);  // measured before: too late
  const auto reported = state.reported();
  ASSERT_TRUE(reported.has_value());
  EXPECT_EQ(reported->report.running, 3U);
  EXPECT_EQ(reported->report.waiting, 2U);
  EXPECT_EQ(reported->report.slots, 4U);
  EXPECT_EQ(reported->when, kStart - 250ms);
  EXPECT_EQ(reported->ours, 1U);
  state.report({.running = 1'000'000, .waiting = 1'000'000}, kStart + 2ms);
  EXPECT_EQ(state.reported()->report.running, EndpointReport::kMostCounted);
  EXPECT_EQ(state.reported()->report.waiting, EndpointReport::kMostCounted);
  EXPECT_EQ(state.prefill_ns_per_token(), 70U) << "a report without a rate takes none away";
}

TEST(EndpointState, AReportOfAPeerSpeaksForTheEndpointsHealth) {
  EndpointState state;
  state.report({.health = Health::kDown}, kStart);
  EXPECT_EQ(state.health(), Health::kDown);
  state.report({}, kStart + 1ms);
  EXPECT_EQ(state.health(), Health::kDown);
  state.report({.health = Health::kUp}, kStart + 2ms);
  EXPECT_EQ(state.health(), Health::kUp);
}

TEST(EndpointState, LearnsFromAnswersRatherThanFromReports) {
  EndpointState state;
  state.report({.prefill_ns_per_token = 500, .decode_us_per_token = 9}, kStart);
  EXPECT_EQ(state.prefill_ns_per_token(), 500U);
  EXPECT_EQ(state.decode_us_per_token(), 9U);
  state.learn_prefill(1'000, 100);
  state.learn_decode(20);
  EXPECT_EQ(state.prefill_ns_per_token(), 100U);
  EXPECT_EQ(state.decode_us_per_token(), 20U);
  for (int i = 0; i < 400; ++i) {
    state.learn_prefill(1'000, 1'000);
  }
  EXPECT_NEAR(state.prefill_ns_per_token(), 1'000, 40);
}

TEST(EndpointState, RatesThatNothingConfirmsAreForgotten) {
  EndpointState state;
  state.report({.prompt_us = 700, .decode_us_per_token = 9}, kStart);
  EXPECT_EQ(state.rates(kStart + 1min).prompt_us, 700U);
  state.learn_prefill(8, 100);
  EXPECT_EQ(state.rates(kStart + 1min).prompt_us, 700U) << "nobody was sent there lately";
  EXPECT_EQ(state.rates(kStart + 1min + 1ms).decode_us_per_token, 0U);
  (void)InFlight::try_begin(state, 1, {.now = kStart + 2min});
  EXPECT_EQ(state.rates(kStart + 3min).prompt_us, 100U);
  EXPECT_EQ(state.rates(kStart + 3min + 1ms).prompt_us, 0U);
}

TEST(EndpointState, ReadingSpeedIsBounded) {
  EndpointState state;
  state.learn_prefill(0, UINT64_MAX);
  EXPECT_EQ(state.prompt_us(), EndpointState::kSlowestPromptUs);
  state.learn_prefill(EndpointState::kLongPrompt, UINT64_MAX);
  EXPECT_EQ(state.prefill_ns_per_token(), EndpointState::kSlowestPrefillNs);
  state.learn_prefill(UINT64_MAX, 0);
  state.learn_prefill(1, 0);
  EXPECT_GE(state.prefill_ns_per_token(), 1U);
  EXPECT_GE(state.prompt_us(), 1U);
}

// 5 ms for every prompt and 0.2 ms per token, seen through prompts of every length, a third of
// which others held up.
TEST(EndpointState, TellsWhatEveryPromptTakesFromWhatItsTokensTake) {
  EndpointState state;
  SeededRandom random(11);
  for (int i = 0; i < 400; ++i) {
    const std::uint64_t tokens =
        random.below(3) == 0 ? 200 + random.below(2'000) : random.below(64);
    const std::uint64_t held_up = random.below(3) == 0 ? random.below(20'000) : 0;
    state.learn_prefill(tokens, 5'000 + tokens * 200 + held_up);
  }
  EXPECT_NEAR(state.prompt_us(), 5'000, 2'000);
  EXPECT_NEAR(state.prefill_ns_per_token(), 200'000, 20'000);
}

TEST(EndpointState, LosesTrustInACacheThatForgets) {
  EndpointState state;
  EXPECT_EQ(state.cache_trust(), EndpointState::kCacheAtFirst);
  state.learn_cache(1'000, 0);
  EXPECT_EQ(state.cache_trust(), EndpointState::kCacheAtFirst) << "perhaps it does not say";
  state.learn_cache(0, 1);
  for (int i = 0; i < 50; ++i) {
    state.learn_cache(1'000, 0);
  }
  EXPECT_LT(state.cache_trust(), 10U);
  for (int i = 0; i < 100; ++i) {
    state.learn_cache(1'000, 5'000);
  }
  EXPECT_GT(state.cache_trust(), 1'000U);
  EXPECT_LE(state.cache_trust(), EndpointState::kCacheSure);
}

TEST(EndpointState, PromptsThatWaitAreCountedUntilTheirFirstToken) {
  EndpointState state;
  auto first = InFlight::try_begin(state, 8, {.tokens = 100, .now = kStart});
  {
    auto second = InFlight::try_begin(state, 8, {.tokens = 30, .now = kStart});
    EXPECT_EQ(state.pending_tokens(), 130U);
  }
  EXPECT_EQ(state.pending_tokens(), 100U);
  first->prefilled();
  first->prefilled();
  EXPECT_EQ(state.pending_tokens(), 0U);
  EXPECT_EQ(state.in_flight(), 1U);
  EXPECT_EQ(state.last_used(), kStart);
}

TEST(EndpointState, CountsRequestsUnderWay) {
  EndpointState state;
  {
    auto first = InFlight::try_begin(state, 2);
    auto second = InFlight::try_begin(state, 2);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(InFlight::try_begin(state, 2).has_value());
    const InFlight moved = *std::move(first);
    first.reset();
    EXPECT_EQ(state.in_flight(), 2U);
  }
  EXPECT_EQ(state.in_flight(), 0U);
}

TEST(EndpointState, ShardsTogetherNeverPassTheConcurrency) {
  EndpointState state;
  std::atomic<std::uint32_t> most = 0;
  std::atomic<int> begun = 0;
  std::vector<std::jthread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        if (const auto request = InFlight::try_begin(state, 3)) {
          ++begun;
          const std::uint32_t now = state.in_flight();
          std::uint32_t seen = most;
          while (seen < now && !most.compare_exchange_weak(seen, now)) {
          }
        }
        state.observe(i % 7 == 0 ? kServerError : kAnswered, kStart);
      }
    });
  }
  shards.clear();
  EXPECT_GT(begun, 0);
  EXPECT_LE(most, 3U);
  EXPECT_EQ(state.in_flight(), 0U);
}

}  // namespace
}  // namespace tdn::route
