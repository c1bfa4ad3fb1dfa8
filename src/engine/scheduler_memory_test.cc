// What the scheduler makes of the key-value memory: reuse, waiting, giving way.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "engine/scheduler_test.h"

namespace tdn::engine {
namespace {

TEST(Scheduler, WhatIsInMemoryIsNotEvaluatedAgain) {
  Bench bench({.slots = 2});
  const std::string prompt(400, 'x');  // 100 tokens
  TestClient first;
  bench.submit(first, prompt, 5);
  bench.run();
  EXPECT_EQ(first.cached_tokens, 0);
  EXPECT_EQ(bench.scheduler.kv().cached, 100);
  const std::uint64_t before = bench.scheduler.counters().prompt_tokens;

  TestClient second;
  bench.submit(second, prompt, 5);
  bench.run();
  EXPECT_EQ(second.cached_tokens, 98);
  EXPECT_EQ(bench.scheduler.counters().prompt_tokens - before, 2U);
  EXPECT_EQ(second.text, first.text);
  EXPECT_EQ(bench.scheduler.counters().prefix_queries, 200U);
  EXPECT_EQ(bench.scheduler.counters().prefix_hits, 98U);
}

TEST(Scheduler, APromptsPartsAreNeverTooShort) {
  for (int length = 1; length <= 30; ++length) {
    Bench bench({.slots = 4, .batch_tokens = 6, .least_part = 2});
    std::array<TestClient, 4> clients;
    for (std::size_t i = 0; i < 3; ++i) {
      bench.submit(clients[i], "four", 40);
    }
    bench.step();
    bench.submit(clients[3], std::string(static_cast<std::size_t>(4 * length), 'x'), 1);
    while (clients[3].ends == 0) {
      const Batch& batch = bench.scheduler.plan();
      ASSERT_LE(batch.entries.size(), 6U);
      const auto part = std::count_if(batch.entries.begin() + batch.decodes, batch.entries.end(),
                                      [](const Entry& entry) { return entry.slot == 3; });
      ASSERT_TRUE(part >= 2 || length == 1) << length;
      bench.scheduler.complete(*bench.model.step(batch), {});
    }
  }
}

TEST(Scheduler, WaitsForMemory) {
  const SchedulerLimits limits{.slots = 4, .context = 64, .batch_tokens = 128};
  Bench bench(limits, scarce_memory(4));
  std::array<TestClient, 3> clients;
  bench.submit(clients[0], std::string(160, 'a'), 1);
  bench.submit(clients[1], std::string(160, 'b'), 1);
  bench.submit(clients[2], "c", 1);  // would fit, but the one before it came first
  bench.step();
  EXPECT_EQ(clients[0].ends, 1);
  EXPECT_EQ(clients[1].cached_tokens, -1);
  EXPECT_EQ(clients[2].cached_tokens, -1);
  EXPECT_EQ(bench.scheduler.waiting(), 2);
  bench.step();
  EXPECT_EQ(clients[1].ends + clients[2].ends, 2);
}

TEST(Scheduler, TheYoungestGivesWayAndGoesOnAsIfNothingHadHappened) {
  const SchedulerLimits limits{.slots = 4, .context = 64};
  std::array<std::string, 3> alone;
  for (std::size_t i = 0; i < 3; ++i) {
    Bench bench(limits, scarce_memory(4));
    TestClient client;
    bench.submit(client, std::string(40, static_cast<char>('a' + i)), 40);
    bench.run();
    alone[i] = client.text;
  }
  Bench bench(limits, scarce_memory(4));
  std::array<TestClient, 3> together;
  for (std::size_t i = 0; i < 3; ++i) {
    bench.submit(together[i], std::string(40, static_cast<char>('a' + i)), 40);
  }
  bench.run();
  const Counters& counters = bench.scheduler.counters();
  EXPECT_GT(counters.preempted, 0U);
  EXPECT_GT(counters.recomputed_tokens, 0U);
  EXPECT_EQ(counters.prompt_tokens, 30U);
  EXPECT_EQ(counters.generation_tokens, 120U);
  EXPECT_EQ(counters.finished_length, 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(together[i].text, alone[i]);
  }
  EXPECT_EQ(bench.scheduler.kv().used, 0);
}

TEST(Scheduler, RatesAreOverTheTimeOfSteps) {
  Bench bench({.slots = 1});
  TestClient client;
  bench.submit(client, std::string(200, 'x'), 3);  // 50 tokens
  const auto step = [&](Duration took) {
    const Batch& batch = bench.scheduler.plan();
    bench.scheduler.complete(*bench.model.step(batch), took);
  };
  step(std::chrono::milliseconds(100));
  step(std::chrono::milliseconds(20));
  step(std::chrono::milliseconds(20));
  EXPECT_NEAR(bench.scheduler.prefill_rate().per_second(), 500, 1);
  EXPECT_NEAR(bench.scheduler.decode_rate().per_second(), 50, 0.1);
}

}  // namespace
}  // namespace tdn::engine
