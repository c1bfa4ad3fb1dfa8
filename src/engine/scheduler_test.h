// A scheduler over the simulated model, driven by hand, for this module's tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/block_memory.h"
#include "engine/scheduler.h"
#include "engine/simulated.h"
#include "engine/slot_memory.h"

namespace tdn::engine {

struct TestClient final : JobListener {
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
  Job job(TestClient& client, std::string_view prompt, int max_tokens) const {
    Job made;
    made.prompt = *vocabulary.tokenize(prompt, {}, 1 << 20);
    made.max_tokens = max_tokens;
    made.listener = &client;
    return made;
  }
  JobId submit(TestClient& client, std::string_view prompt, int max_tokens) {
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

// Blocks for 64 tokens: two sequences of 48 do not fit side by side.
inline std::unique_ptr<KvMemory> scarce_memory(int slots) {
  return std::make_unique<BlockMemory>(
      BlockMemory::Size{.slots = slots, .blocks = 16, .block_tokens = 4}, true);
}

inline constexpr std::string_view kPrompt = "Twelve bytes";  // 3 tokens

}  // namespace tdn::engine
