#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "engine/block_memory.h"
#include "engine/simulated.h"
#include "engine/slot_memory.h"

namespace tdn::engine {
namespace {

using testing::HasSubstr;

struct Client final : JobListener {
  void on_admitted(int cached) override { EXPECT_EQ(std::exchange(cached_tokens, cached), -1); }
  void on_token(std::string_view certain, int tokens) override {
    text += certain;
    EXPECT_EQ(tokens, completion_tokens + 1);
    completion_tokens = tokens;
  }
  void on_finish(Finish why, std::string_view rest) override {
    text += rest;
    ++ends;
    finish = why;
  }
  void on_embedding(std::vector<float> values) override {
    embedding = std::move(values);
    ++ends;
  }
  void on_error(const Error& why) override {
    error = why.detail();
    ++ends;
  }

  std::string text;
  int cached_tokens = -1;
  int completion_tokens = 0;
  std::optional<Finish> finish;
  std::vector<float> embedding;
  std::string error;
  int ends = 0;
};

// A scheduler over the simulated model, driven by hand.
struct Bench {
  explicit Bench(SchedulerLimits limits, Timing settings = endless())
      : Bench(limits, std::make_unique<SlotMemory>(limits.slots, limits.context, true),
              std::move(settings)) {}
  Bench(SchedulerLimits limits, std::unique_ptr<KvMemory> memory, Timing settings = endless())
      : timing(std::move(settings)),
        model(timing),
        scheduler(limits, vocabulary, std::move(memory)) {}

  static Timing endless() {
    Timing timing;
    timing.mean_output = 0;
    return timing;
  }
  Job job(Client& client, std::string_view prompt, int max_tokens) const {
    Job made;
    made.prompt = *vocabulary.tokenize(prompt, {}, 1 << 20);
    made.max_tokens = max_tokens;
    made.listener = &client;
    return made;
  }
  JobId submit(Client& client, std::string_view prompt, int max_tokens) {
    return *scheduler.submit(job(client, prompt, max_tokens));
  }
  void step() {
    const Batch& batch = scheduler.plan();
    scheduler.complete(*model.step(batch), step_time(timing, batch));
  }
  void run() {
    while (scheduler.has_work()) {
      step();
    }
  }

  Timing timing;
  SimulatedVocabulary vocabulary;
  SimulatedModel model;
  Scheduler scheduler;
};

const std::string kPrompt = "Twelve bytes";  // 3 tokens

TEST(Scheduler, GeneratesUntilTheTokenLimit) {
  Bench bench({.slots = 2});
  Client client;
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
  Client client;
  bench.submit(client, kPrompt, 2000);
  bench.run();
  EXPECT_EQ(client.finish, Finish::kStop);
  EXPECT_EQ(client.text.size(), 4U * static_cast<unsigned>(client.completion_tokens));
  EXPECT_EQ(bench.scheduler.counters().generation_tokens,
            static_cast<std::uint64_t>(client.completion_tokens));
}

TEST(Scheduler, StopStringsCutTheTextAndEndTheJob) {
  Bench bench({});
  Client whole;
  bench.submit(whole, kPrompt, 20);
  bench.run();

  Client cut;
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
  std::array<Client, 4> alone;
  std::array<Client, 4> together;
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
  Client stream;
  Client reader;
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
  Client first;
  Client second;
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
  std::array<Client, 6> clients;
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
  Client client;
  Job job = bench.job(client, kPrompt, 1);
  job.embed = true;
  ASSERT_TRUE(bench.scheduler.submit(job));
  EXPECT_FALSE(bench.scheduler.submit(job));
  bench.run();
  EXPECT_EQ(client.embedding.size(), 64U);
}

TEST(Scheduler, CancellingStopsAJobWhereverItIs) {
  Bench bench({.slots = 1, .batch_tokens = 8});
  Client running;
  Client waiting;
  const JobId first = bench.submit(running, kPrompt, 100);
  const JobId second = bench.submit(waiting, kPrompt, 100);
  bench.step();
  bench.scheduler.cancel(second);
  EXPECT_EQ(bench.scheduler.waiting(), 0);
  bench.scheduler.cancel(first);
  EXPECT_FALSE(bench.scheduler.has_work());

  Client reading;  // in the middle of its prompt
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
  Client gone;
  Client next;
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
  Client stream;
  std::array<Client, 3> embeddings;
  bench.submit(stream, kPrompt, 100);
  for (Client& client : embeddings) {
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
  Client struck;
  Client spared;
  bench.submit(struck, kPrompt, 5);
  bench.submit(spared, kPrompt, 5);
  (void)bench.scheduler.plan();
  bench.scheduler.abort(Error(Code::kInternalError, "the model broke"));
  EXPECT_EQ(struck.error, "the model broke");
  bench.run();
  EXPECT_EQ(spared.completion_tokens, 5);
  EXPECT_EQ(bench.scheduler.counters().failed, 1U);
}

TEST(Scheduler, WhatIsInMemoryIsNotEvaluatedAgain) {
  Bench bench({.slots = 2});
  const std::string prompt(400, 'x');  // 100 tokens
  Client first;
  bench.submit(first, prompt, 5);
  bench.run();
  EXPECT_EQ(first.cached_tokens, 0);
  EXPECT_EQ(bench.scheduler.kv().cached, 100);
  const std::uint64_t before = bench.scheduler.counters().prompt_tokens;

  Client second;
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
    std::array<Client, 4> clients;
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

// Blocks for 64 tokens: two sequences of 48 do not fit side by side.
std::unique_ptr<KvMemory> scarce_memory(int slots) {
  return std::make_unique<BlockMemory>(
      BlockMemory::Size{.slots = slots, .blocks = 16, .block_tokens = 4}, true);
}

TEST(Scheduler, WaitsForMemory) {
  const SchedulerLimits limits{.slots = 4, .context = 64, .batch_tokens = 128};
  Bench bench(limits, scarce_memory(4));
  std::array<Client, 3> clients;
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
    Client client;
    bench.submit(client, std::string(40, static_cast<char>('a' + i)), 40);
    bench.run();
    alone[i] = client.text;
  }
  Bench bench(limits, scarce_memory(4));
  std::array<Client, 3> together;
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
  Client client;
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
  std::deque<Client> clients;
  std::map<JobId, std::pair<Client*, std::pair<int, int>>> live;
  std::vector<std::pair<Client*, std::pair<int, int>>> kept;
  std::uint64_t refused = 0;
  std::uint64_t cancelled = 0;
  for (const int action : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12))) {
    if (action < 5) {
      const std::pair<int, int> what = {action, 1 + action * 3};
      Client& client = clients.emplace_back();
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
  for (const Client& client : clients) {
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

TEST(Simulated, AContinuedAnswerGoesOnAsIfNeverCut) {
  Bench bench({.slots = 2});
  Chat chat{.messages = {{Role::kUser, "Tell me a story."}}};
  const auto generate = [&](const Chat& of, int tokens) {
    Client client;
    Job job;
    job.prompt = *bench.vocabulary.chat_prompt(of, 1000);
    job.max_tokens = tokens;
    job.listener = &client;
    EXPECT_TRUE(bench.scheduler.submit(std::move(job)));
    bench.run();
    return client.text;
  };
  const std::string whole = generate(chat, 20);
  chat.messages.push_back({Role::kAssistant, whole.substr(0, 32)});
  chat.continue_last = true;
  EXPECT_EQ(generate(chat, 12), whole.substr(32));
}

TEST(Simulated, GeneratedTextIsAsManyTokensAsItWas) {
  Bench bench({});
  Client client;
  bench.submit(client, "some prompt", 25);
  bench.run();
  EXPECT_EQ(bench.vocabulary.tokenize(client.text, {}, 100)->size(), 25U);
}

TEST(Simulated, TheSeedDecidesTheText) {
  const auto text = [](std::optional<std::uint64_t> seed) {
    Bench bench({});
    Client client;
    Job job = bench.job(client, kPrompt, 8);
    job.sampling.seed = seed;
    EXPECT_TRUE(bench.scheduler.submit(std::move(job)));
    bench.run();
    return client.text;
  };
  EXPECT_EQ(text(7), text(7));
  EXPECT_NE(text(7), text(8));
  EXPECT_EQ(text(std::nullopt), text(1));  // the engine's own seed
}

TEST(Simulated, RefusesAPromptThatIsTooLongBeforeReadingIt) {
  const SimulatedVocabulary vocabulary;
  EXPECT_TRUE(vocabulary.tokenize(std::string(40, 'x'), {}, 10));
  const auto refused = vocabulary.tokenize(std::string(41, 'x'), {}, 10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kContextLengthExceeded);
  EXPECT_THAT(refused.error().detail(), HasSubstr("11 tokens"));
  const Chat chat{.messages = {{Role::kUser, "12345"}}};
  EXPECT_EQ(vocabulary.chat_prompt(chat, 9)->size(), 9U);
  EXPECT_FALSE(vocabulary.chat_prompt(chat, 8));
}

}  // namespace
}  // namespace tdn::engine
