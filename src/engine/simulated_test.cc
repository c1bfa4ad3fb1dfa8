#include "engine/simulated.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/scheduler_test.h"

namespace tdn::engine {
namespace {

using testing::HasSubstr;

TEST(Simulated, AContinuedAnswerGoesOnAsIfNeverCut) {
  Bench bench({.slots = 2});
  Chat chat{.messages = {{Role::kUser, "Tell me a story."}}};
  const auto generate = [&](const Chat& of, int tokens) {
    TestClient client;
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
  TestClient client;
  bench.submit(client, "some prompt", 25);
  bench.run();
  EXPECT_EQ(bench.vocabulary.tokenize(client.text, {}, 100)->size(), 25U);
}

TEST(Simulated, TheSeedDecidesTheText) {
  const auto text = [](std::optional<std::uint64_t> seed) {
    Bench bench({});
    TestClient client;
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
