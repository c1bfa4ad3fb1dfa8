#include <gtest/gtest.h>

#include <array>

#include "engine/llama_test.h"

namespace tdn::engine {
namespace {

// Whatever of a prompt is reused, wherever it was, and whatever runs beside: the same tokens as on
// an engine that reuses nothing.
class LlamaReuse : public LlamaTest {
 protected:
  struct Answer {
    std::string text;
    int cached = 0;
  };
  Answer ask(const std::string& question, int tokens = 6, std::string_view partition = "") {
    LlamaClient client;
    Job made = job(client, question, tokens);
    made.partition = partition;
    EXPECT_TRUE(scheduler_->submit(std::move(made)));
    const Counters before = scheduler_->counters();
    run();
    const int length = static_cast<int>(job(client, question, 1).prompt.size());
    EXPECT_EQ(scheduler_->counters().prompt_tokens - before.prompt_tokens,
              static_cast<std::uint64_t>(length - client.cached_tokens));
    return {client.text, client.cached_tokens};
  }
  std::string alone(const std::string& question, int tokens = 6) {
    start(false);
    const Answer answer = ask(question, tokens);
    EXPECT_EQ(answer.cached, 0);
    return answer.text;
  }

  const std::string rules_ =
      "You are a careful guide in the harbour museum. Answer in one short sentence, name the year "
      "if you know it, never guess, and be kind to children, who come here with their schools. ";
};

TEST_F(LlamaReuse, TheSamePromptAgainIsReusedAndAnsweredAlike) {
  const std::string question = rules_ + "When was the lighthouse built?";
  const std::string expected = alone(question);
  start(true);
  EXPECT_EQ(ask(question).text, expected);
  const Answer again = ask(question);
  EXPECT_EQ(again.text, expected);
  EXPECT_GT(again.cached, 45);
}

TEST_F(LlamaReuse, ASharedStartIsReusedInPlaceCopiedAndFromARunningSequence) {
  std::vector<std::string> questions;
  for (const char* end :
       {"What is the oldest ship?", "Who painted the storm, and when?", "Is there a whale?"}) {
    questions.push_back(rules_ + end);
  }
  std::vector<std::string> expected;
  for (const std::string& question : questions) {
    expected.push_back(alone(question));
  }
  start(true);
  std::array<LlamaClient, 3> clients;
  ASSERT_TRUE(scheduler_->submit(job(clients[0], questions[0], 6)));
  step();
  step();  // its prompt is read: the others copy what they share with it
  for (std::size_t i = 1; i < 3; ++i) {
    ASSERT_TRUE(scheduler_->submit(job(clients[i], questions[i], 6)));
  }
  run();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(clients[i].text, expected[i]) << questions[i];
    EXPECT_EQ(clients[i].cached_tokens > 40, i > 0) << i;
  }
  for (std::size_t i = 3; i-- > 0;) {  // and once more, each alone
    const Answer answer = ask(questions[i]);
    EXPECT_EQ(answer.text, expected[i]);
    EXPECT_GT(answer.cached, 40);
  }
}

TEST_F(LlamaReuse, ACancelledReadingLeavesWhatItRead) {
  const std::string question = rules_ + rules_ + "When was the lighthouse built?";
  const std::string expected = alone(question, 8);
  start(true);
  LlamaClient gone;
  const Result<JobId> id = scheduler_->submit(job(gone, question, 8));
  ASSERT_TRUE(id);
  step();  // 64 tokens of its prompt
  const Batch& batch = scheduler_->plan();
  const Result<StepResult> result = engine().model->step(batch);
  ASSERT_TRUE(result);
  scheduler_->cancel(*id);  // in the middle of a step
  scheduler_->complete(*result, {});
  const Answer answer = ask(question, 8);
  EXPECT_EQ(answer.cached, 64);
  EXPECT_EQ(answer.text, expected);
}

TEST_F(LlamaReuse, ACancelledAnswerLeavesItsPromptAlone) {
  const std::string question = rules_ + "When was the lighthouse built?";
  const std::string expected = alone(question, 8);
  start(true);
  LlamaClient gone;
  const Result<JobId> id = scheduler_->submit(job(gone, question, 200));
  ASSERT_TRUE(id);
  for (int i = 0; i < 6; ++i) {
    step();
  }
  scheduler_->cancel(*id);
  EXPECT_EQ(ask(question, 8).text, expected);
}

TEST_F(LlamaReuse, EmbeddingsBetweenChangeNothing) {
  const std::string question = rules_ + "When was the lighthouse built?";
  const std::string expected = alone(question, 8);
  start(true);
  EXPECT_EQ(ask(question, 8).text, expected);
  LlamaClient client;
  Job embedding;
  embedding.embed = true;
  embedding.prompt = *vocabulary().tokenize("a lighthouse", {.add_special = true}, 500);
  embedding.listener = &client;
  ASSERT_TRUE(scheduler_->submit(std::move(embedding)));
  run();
  EXPECT_EQ(client.embedding.size(), 576U);
  const Answer again = ask(question, 8);
  EXPECT_EQ(again.text, expected);
  EXPECT_GT(again.cached, 40);
}

TEST_F(LlamaReuse, AnotherPartitionSeesNothing) {
  const std::string question = rules_ + "When was the lighthouse built?";
  start(true);
  ask(question, 2, "a");
  EXPECT_EQ(ask(question, 2, "b").cached, 0);
  EXPECT_GT(ask(question, 2, "a").cached, 40);
}

// Long prompts in random company: lengths around the batch's 64, so that the last part of a prompt
// would be a single token if the neighbours decided.
TEST_F(LlamaReuse, NeighboursDoNotChangeTokens) {
  std::vector<std::string> questions;
  std::vector<std::string> expected;
  for (int i = 0; i < 4; ++i) {
    std::string question = "Count:";
    for (int k = 0; k < 8 + 5 * i; ++k) {
      question += " " + std::to_string(k * (i + 3));
    }
    questions.push_back(question);
    expected.push_back(alone(question));
  }
  for (const bool reuse : {false, true}) {
    start(reuse);
    std::array<LlamaClient, 4> clients;
    for (std::size_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(scheduler_->submit(job(clients[i], questions[i], 6)));
      step();
    }
    run();
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(clients[i].text, expected[i]) << i << " reuse " << reuse;
    }
  }
}

}  // namespace
}  // namespace tdn::engine
