#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <deque>
#include <map>

#include "engine/scheduler_test.h"

namespace tdn::engine {
namespace {

using testing::HasSubstr;

TEST(Scheduler, GeneratesUntilTheTokenLimit) {
  Bench bench({.slots = 2});
  TestClient client;
  bench.submit(client, kPrompt, 5);
  bench.run();
  EXPECT_EQ(client.completion_tokens, 5);
  EXPECT_EQ(client.text.size(), 20U);
  EXPECT_EQ(client.finish, Finish::kLength);
  const Counters& counters = bench.scheduler.counters();
  EXPECT_EQ(counters.prompt_tokens, 3U);
  EXPECT_EQ(counters.generation_tokens, 5U);
  EXPECT_EQ(counters.steps, 5U);  // the prompt's step draws the first
  EXPECT_EQ(counters.prefill_steps, 1U);
  EXPECT_EQ(bench.scheduler.kv().used, 0);
}

TEST(Scheduler, TheModelsOwnEndIsNotCounted) {
  Timing timing;
  timing.mean_output = 3;
  Bench bench({}, timing);
  TestClient client;
  bench.submit(client, kPrompt, 2000);
  bench.run();
  EXPECT_EQ(client.finish, Finish::kStop);
  EXPECT_EQ(client.text.size(), 4U * static_cast<unsigned>(client.completion_tokens));
  EXPECT_EQ(bench.scheduler.counters().generation_tokens,
            static_cast<std::uint64_t>(client.completion_tokens));
}

TEST(Scheduler, StopStringsCutTheTextAndEndTheJob) {
  Bench bench({});
  TestClient whole;
  bench.submit(whole, kPrompt, 20);
  bench.run();

  TestClient cut;
  Job job = bench.job(cut, kPrompt, 20);
  job.stops = {whole.text.substr(18, 5)};  // spans two tokens
  ASSERT_TRUE(bench.scheduler.submit(std::move(job)));
  bench.run();
  EXPECT_EQ(cut.finish, Finish::kStop);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(whole.text.substr(18, 5))));
  EXPECT_LE(cut.completion_tokens, 6);
}

TEST(Scheduler, SequencesRunTogetherAndGiveTheSameTextAsAlone) {
  Bench bench({.slots = 4});
  std::array<TestClient, 4> alone;
  std::array<TestClient, 4> together;
  for (std::size_t i = 0; i < 4; ++i) {
    bench.submit(alone[i], "prompt " + std::to_string(i), 16);
    bench.run();
  }
  const std::uint64_t before = bench.scheduler.counters().steps;
  for (std::size_t i = 0; i < 4; ++i) {
    bench.submit(together[i], "prompt " + std::to_string(i), 16);
  }
  bench.run();
  EXPECT_EQ(bench.scheduler.counters().steps - before, 16U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(together[i].text, alone[i].text);
  }
  EXPECT_NE(alone[0].text, alone[1].text);
}

TEST(Scheduler, ALongPromptDoesNotStopARunningStream) {
  Bench bench({.slots = 2, .context = 2048, .batch_tokens = 16});
  TestClient stream;
  TestClient reader;
  bench.submit(stream, kPrompt, 100);
  bench.step();
  bench.submit(reader, std::string(4000, 'x'), 1);  // 1,000 tokens: 67 steps of 15
  int steps = 0;
  while (reader.ends == 0) {
    const int before = stream.completion_tokens;
    bench.step();
    ++steps;
    ASSERT_EQ(stream.completion_tokens, before + 1);
  }
  EXPECT_EQ(steps, 67);
}

TEST(Scheduler, PromptsAreEvaluatedOldestFirst) {
  Bench bench({.slots = 2, .batch_tokens = 8});
  TestClient first;
  TestClient second;
  bench.submit(first, std::string(40, 'a'), 1);   // 10 tokens
  bench.submit(second, std::string(40, 'b'), 1);  // 10 tokens
  bench.step();
  bench.step();
  EXPECT_EQ(first.ends, 1);
  EXPECT_EQ(second.ends, 0);
  bench.step();
  EXPECT_EQ(second.ends, 1);
}

TEST(Scheduler, RefusesWhatExceedsSlotsAndQueue) {
  Bench bench({.slots = 2, .queue = 3});
  std::array<TestClient, 6> clients;
  for (std::size_t i = 0; i < 5; ++i) {
    bench.submit(clients[i], kPrompt, 4);
  }
  const Result<JobId> refused = bench.scheduler.submit(bench.job(clients[5], kPrompt, 4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kOverloaded);
  bench.step();
  EXPECT_EQ(bench.scheduler.running(), 2);
  EXPECT_EQ(bench.scheduler.waiting(), 3);
  EXPECT_FALSE(bench.scheduler.submit(bench.job(clients[5], kPrompt, 4)));
  bench.run();
  EXPECT_EQ(bench.scheduler.counters().overloaded, 2U);
  EXPECT_EQ(bench.scheduler.counters().finished_length, 5U);
  EXPECT_TRUE(bench.scheduler.submit(bench.job(clients[5], kPrompt, 4)));
  bench.run();
}

TEST(Scheduler, AnIdleEngineWithoutAQueueTakesAnEmbedding) {
  Bench bench({.slots = 1, .queue = 0});
  TestClient client;
  Job job = bench.job(client, kPrompt, 1);
  job.embed = true;
  ASSERT_TRUE(bench.scheduler.submit(job));
  EXPECT_FALSE(bench.scheduler.submit(job));
  bench.run();
  EXPECT_EQ(client.embedding.size(), 64U);
}

TEST(Scheduler, CancellingStopsAJobWhereverItIs) {
  Bench bench({.slots = 1, .batch_tokens = 8});
  TestClient running;
  TestClient waiting;
  const JobId first = bench.submit(running, kPrompt, 100);
  const JobId second = bench.submit(waiting, kPrompt, 100);
  bench.step();
  bench.scheduler.cancel(second);
  EXPECT_EQ(bench.scheduler.waiting(), 0);
  bench.scheduler.cancel(first);
  EXPECT_FALSE(bench.scheduler.has_work());

  TestClient reading;  // in the middle of its prompt
  const JobId third = bench.submit(reading, std::string(400, 'x'), 5);
  bench.step();
  EXPECT_EQ(bench.scheduler.kv().used, 8);
  bench.scheduler.cancel(third);
  EXPECT_EQ(bench.scheduler.kv().used, 0);
  bench.scheduler.cancel(third);  // ended: nothing happens
  EXPECT_EQ(bench.scheduler.counters().cancelled, 3U);
  EXPECT_EQ(running.ends + waiting.ends + reading.ends, 0);
}

TEST(Scheduler, WhatIsDrawnForAJobCancelledMeanwhileIsDiscarded) {
  Bench bench({.slots = 1});
  TestClient gone;
  TestClient next;
  const JobId id = bench.submit(gone, kPrompt, 100);
  bench.step();
  const Batch& batch = bench.scheduler.plan();
  const StepResult result = *bench.model.step(batch);
  bench.scheduler.cancel(id);
  bench.submit(next, kPrompt, 1);  // takes the slot, but not this step's token
  bench.scheduler.complete(result, {});
  EXPECT_EQ(gone.completion_tokens, 1);
  EXPECT_EQ(next.completion_tokens, 0);
  EXPECT_EQ(bench.scheduler.counters().generation_tokens, 1U);
  EXPECT_EQ(bench.scheduler.counters().discarded_tokens, 1U);
  bench.run();
  EXPECT_EQ(next.text, gone.text);  // the same prompt, from the start
}

TEST(Scheduler, EmbeddingsTakeTurnsWithGeneration) {
  Bench bench({.slots = 1});
  TestClient stream;
  std::array<TestClient, 3> embeddings;
  bench.submit(stream, kPrompt, 100);
  for (TestClient& client : embeddings) {
    Job job = bench.job(client, kPrompt, 1);
    job.embed = true;
    ASSERT_TRUE(bench.scheduler.submit(std::move(job)));
  }
  for (int i = 0; i < 6; ++i) {
    bench.step();
  }
  EXPECT_EQ(stream.completion_tokens, 3);
  EXPECT_EQ(bench.scheduler.counters().embedded, 3U);
  EXPECT_EQ(embeddings[0].embedding, embeddings[2].embedding);
}

TEST(Scheduler, AFailedStepEndsItsJobsAndNoOthers) {
  Bench bench({.slots = 1});
  TestClient struck;
  TestClient spared;
  bench.submit(struck, kPrompt, 5);
  bench.submit(spared, kPrompt, 5);
  (void)bench.scheduler.plan();
  bench.scheduler.abort(Error(Code::kInternalError, "the model broke"));
  EXPECT_EQ(struck.error, "the model broke");
  bench.run();
  EXPECT_EQ(spared.completion_tokens, 5);
  EXPECT_EQ(bench.scheduler.counters().failed, 1U);
}

// Whatever arrives and leaves when: nobody is forgotten, texts do not depend on the neighbours, and
// the counters equal what listeners were told.
RC_GTEST_PROP(Scheduler, AnyScheduleKeepsTheBooks, ()) {
  const SchedulerLimits limits = {.slots = *rc::gen::inRange(1, 5),
                                  .queue = *rc::gen::inRange(0, 4),
                                  .context = 64,
                                  .batch_tokens = *rc::gen::inRange(5, 20)};
  // The memory of libllama, or one that is too small for all slots.
  const bool scarce = *rc::gen::arbitrary<bool>();
  Bench bench(limits, scarce ? scarce_memory(limits.slots)
                             : std::make_unique<SlotMemory>(limits.slots, limits.context, true));
  std::map<std::pair<int, int>, std::string> alone;  // (prompt, tokens) → text
  std::deque<TestClient> clients;
  std::map<JobId, std::pair<TestClient*, std::pair<int, int>>> live;
  std::vector<std::pair<TestClient*, std::pair<int, int>>> kept;
  std::uint64_t refused = 0;
  std::uint64_t cancelled = 0;
  for (const int action : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12))) {
    if (action < 5) {
      const std::pair<int, int> what = {action, 1 + action * 3};
      TestClient& client = clients.emplace_back();
      const std::string prompt(static_cast<std::size_t>(4 + action * 20), 'p');
      const auto id = bench.scheduler.submit(bench.job(client, prompt, what.second));
      refused += id ? 0U : 1U;
      if (id) {
        live[*id] = {&client, what};
      }
    } else if (action == 5 && !live.empty()) {
      const auto gone = live.begin();
      if (gone->second.first->ends == 0) {
        bench.scheduler.cancel(gone->first);
        ++cancelled;
      } else {
        kept.push_back(gone->second);
      }
      live.erase(gone);
    } else if (bench.scheduler.has_work()) {
      bench.step();
    }
  }
  bench.run();
  for (const auto& [id, job] : live) {
    kept.push_back(job);
  }
  std::uint64_t generated = 0;
  for (const TestClient& client : clients) {
    generated += static_cast<std::uint64_t>(client.completion_tokens);
  }
  for (const auto& [client, what] : kept) {
    RC_ASSERT(client->ends == 1);
    RC_ASSERT(client->completion_tokens == what.second);
    const auto [first, fresh] = alone.try_emplace(what, client->text);
    RC_ASSERT(first->second == client->text);
  }
  const Counters& counters = bench.scheduler.counters();
  RC_ASSERT(counters.generation_tokens == generated);
  RC_ASSERT(counters.finished_length == kept.size());
  RC_ASSERT(counters.cancelled == cancelled);
  RC_ASSERT(counters.overloaded == refused);
  RC_ASSERT(bench.scheduler.kv().used == 0);
  std::uint64_t cached = 0;
  std::uint64_t prompts = 0;
  for (const auto& [client, what] : kept) {
    cached += static_cast<std::uint64_t>(client->cached_tokens);
    prompts += static_cast<std::uint64_t>(1 + what.first * 5);
  }
  if (cancelled == 0) {
    RC_ASSERT(counters.prompt_tokens == prompts - cached);
    RC_ASSERT(counters.prefix_hits == cached);
  }
}

}  // namespace
}  // namespace tdn::engine
