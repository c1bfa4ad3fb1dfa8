// The real library with the default model, for this module's tests; skipped where
// scripts/fetch-model could not get them. Few tokens each: a step takes some 10 ms.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/llama_model.h"
#include "engine/scheduler.h"
#include "engine/slot_memory.h"

namespace tdn::engine {

inline const std::string kTestModel =
    std::string(TDN_MODEL_FOLDER) + "/SmolLM2-135M-Instruct.Q4_1.gguf";

struct LlamaClient final : JobListener {
  void on_admitted(int cached) override { cached_tokens = cached; }
  void on_token(std::string_view certain, int tokens) override {
    text += certain;
    completion_tokens = tokens;
  }
  void on_finish(Finish why, std::string_view rest) override {
    text += rest;
    finish = why;
  }
  void on_embedding(std::vector<float> values) override { embedding = std::move(values); }
  void on_error(const Error& why) override { ADD_FAILURE() << why.detail(); }

  std::string text;
  int cached_tokens = 0;
  int completion_tokens = 0;
  std::optional<Finish> finish;
  std::vector<float> embedding;
};

class LlamaTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    loaded = new Result<LlamaEngine>(
        load_llama({.model_path = kTestModel, .slots = 4, .context = 512, .batch_tokens = 64}));
  }
  static void TearDownTestSuite() {
    delete loaded;
    loaded = nullptr;
  }
  void SetUp() override {
    if (!*loaded && loaded->error().code() == Code::kMissing) {
      GTEST_SKIP() << loaded->error().detail() << " (scripts/fetch-engine, scripts/fetch-model)";
    }
    ASSERT_TRUE(*loaded) << loaded->error().detail();
    start(true);
  }

  // A scheduler with empty books over the one model; `reuse`: prompts are reused between requests.
  void start(bool reuse) {
    const SchedulerLimits limits{
        .slots = 4, .context = 512, .batch_tokens = 64, .least_part = SlotMemory::kLeastFresh};
    scheduler_.emplace(limits, vocabulary(), std::make_unique<SlotMemory>(4, 512, reuse));
  }

  static LlamaEngine& engine() { return **loaded; }
  static const Vocabulary& vocabulary() { return *engine().vocabulary; }

  static Job job(LlamaClient& client, std::string_view question, int max_tokens) {
    Job made;
    made.prompt =
        *vocabulary().chat_prompt({.messages = {{Role::kUser, std::string(question)}}}, 511);
    made.max_tokens = max_tokens;
    made.sampling.temperature = 0;
    made.listener = &client;
    return made;
  }
  void step() {
    const Batch& batch = scheduler_->plan();
    Result<StepResult> result = engine().model->step(batch);
    ASSERT_TRUE(result) << result.error().detail();
    scheduler_->complete(*result, {});
  }
  void run() {
    while (scheduler_->has_work()) {
      step();
    }
  }
  std::string answer(std::string_view question, int max_tokens) {
    LlamaClient client;
    EXPECT_TRUE(scheduler_->submit(job(client, question, max_tokens)));
    run();
    return client.text;
  }

  inline static Result<LlamaEngine>* loaded = nullptr;
  std::optional<Scheduler> scheduler_;
};

}  // namespace tdn::engine
