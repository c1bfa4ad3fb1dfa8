#include "gateway/answer_follower.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tdn::gateway {
namespace {

using meter::TokenClass;

std::string chunk(std::string_view inside) { return "data: {" + std::string(inside) + "}\n\n"; }

const std::string kText =
    chunk(R"("choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}])");
const std::string kTextWithUsage = chunk(
    R"("choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":9,"completion_tokens":1})");
const std::string kFinish = chunk(R"("choices":[{"index":0,"delta":{},"finish_reason":"stop"}])");
const std::string kUsage = chunk(
    R"("choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}})");
const std::string kDone = "data: [DONE]\n\n";

// Runs a stream through the follower; collects what leaves at once and what is held.
struct Following {
  explicit Following(const AnswerFollower::Wanted& wanted) : follower(wanted) {}
  void feed(const std::string& bytes) {
    parser.push(bytes);
    while (true) {
      const auto event = parser.next();
      ASSERT_TRUE(event.has_value());
      if (!*event) {
        return;
      }
      const auto step = follower.follow(**event);
      if (!step) {
        error = step.error().code();
        return;
      }
      if (!step->drop) {
        (step->hold ? held : sent).append(step->pieces[0]).append(step->pieces[1]);
      }
    }
  }
  AnswerFollower follower;
  codec::SseParser parser;
  std::string sent;
  std::string held;
  std::optional<Code> error;
};

TEST(AnswerFollower, WhatOnlyKeepsTheConnectionOpenIsNoStep) {
  const std::string empty = chunk(R"("choices":[{"index":0,"delta":{}}])");
  Following run({});
  run.feed(": ping\n\n: ping\n\n");
  EXPECT_EQ(run.follower.steps(), 0U);
  run.feed(empty);
  EXPECT_EQ(run.follower.steps(), 1U) << "another event than the one before may mean something";
  run.feed(empty + ": ping\n\n" + empty);
  EXPECT_EQ(run.follower.steps(), 1U);
  run.feed(kText + kText);
  EXPECT_EQ(run.follower.steps(), 3U) << "text may repeat";
  run.feed(kFinish + kDone);
  EXPECT_EQ(run.follower.steps(), 5U);
}

TEST(AnswerFollower, AnEventThatIsNoJsonIsTheEnginesFailure) {
  for (const char* data : {"data: not json at all\n\n", "data: [1]\n\n", "data: {\"a\":\n\n"}) {
    Following run({});
    run.feed(kText + data);
    EXPECT_EQ(run.error, Code::kUpstreamError) << data;
    EXPECT_EQ(run.sent, kText);
  }
  Following run({});
  run.feed("event: ping\ndata:\n\n" + kText);
  EXPECT_FALSE(run.error.has_value()) << "no data, no answer";
}

TEST(AnswerFollower, HoldsTheFinishAndAllAfterIt) {
  Following run({});
  run.feed(kText + kText + kFinish + kUsage + kDone);
  EXPECT_EQ(run.sent, kText + kText);
  EXPECT_EQ(run.held, kFinish + kDone);  // the usage event was not asked for
  EXPECT_TRUE(run.follower.done());
  EXPECT_TRUE(run.follower.has_final_usage());
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 5U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextCacheRead), 4U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 2U);
  EXPECT_EQ(run.follower.finish(), codec::Finish::kStop);
}

TEST(AnswerFollower, KeepsTheUsageEventThatWasAskedFor) {
  Following run({.usage_at_end = true});
  run.feed(kText + kFinish + kUsage + kDone);
  EXPECT_EQ(run.held, kFinish + kUsage + kDone);
}

TEST(AnswerFollower, CutsUsageMembersThatWereNotAskedFor) {
  Following run({.usage_at_end = true});
  run.feed(kTextWithUsage);
  EXPECT_EQ(run.sent, chunk(R"("choices":[{"index":0,"delta":{"content":"a"}}])"));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 1U);
  EXPECT_FALSE(run.follower.has_final_usage());
  Following asked({.usage_at_end = true, .usage_in_events = true});
  asked.feed(kTextWithUsage);
  EXPECT_EQ(asked.sent, kTextWithUsage);
}

TEST(AnswerFollower, CutsInDataOfSeveralLinesToo) {
  Following run({});
  run.feed(
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\n"
      "data: \"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n");
  EXPECT_EQ(run.sent.find("usage"), std::string::npos) << run.sent;
  EXPECT_EQ(run.sent.find("data: {\"choices\":[{"), 0U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 9U);
}

TEST(AnswerFollower, WaitsForEveryFinishOfAnAnswerWithSeveralChoices) {
  Following run({.finishes = 2});
  run.feed(kText + kFinish + kText + kFinish + kDone);
  EXPECT_EQ(run.sent, kText + kFinish + kText);
  EXPECT_EQ(run.held, kFinish + kDone);
}

TEST(AnswerFollower, AnEngineWithoutFinishReasonsIsHeldFromDone) {
  Following run({});
  run.feed(kText + kDone);
  EXPECT_EQ(run.sent, kText);
  EXPECT_EQ(run.held, kDone);
  EXPECT_FALSE(run.follower.finished());
  EXPECT_EQ(run.follower.content_events(), 1U);
  EXPECT_FALSE(run.follower.has_usage());
}

TEST(AnswerFollower, AnErrorEventIsNoAnswerEvenBeforeDone) {
  Following busy({});
  busy.feed(chunk(R"("error":{"message":"The engine is currently busy","code":503})") + kDone);
  EXPECT_EQ(busy.error, Code::kOverloaded);
  EXPECT_FALSE(busy.follower.begun());
  Following broken({});
  broken.feed(kText + chunk(R"("error":{"message":"internal","code":500})") + kDone);
  EXPECT_EQ(broken.error, Code::kUpstreamError);
  EXPECT_TRUE(broken.follower.begun());
}

// A chunk of choice `index` that tells usage; without index, one of usage alone.
std::string usage_chunk(std::optional<int> index, int prompt, int completion, int cached = 0) {
  const std::string choice =
      index ? "{\"index\":" + std::to_string(*index) + R"(,"delta":{"content":"a"}})" : "";
  return chunk("\"choices\":[" + choice + "],\"usage\":{\"prompt_tokens\":" +
               std::to_string(prompt) + ",\"completion_tokens\":" + std::to_string(completion) +
               ",\"prompt_tokens_details\":{\"cached_tokens\":" + std::to_string(cached) + "}}");
}

TEST(AnswerFollower, UsagePerChoiceIsSummedAndThePromptCountedOnce) {
  Following run({.finishes = 2});
  run.feed(usage_chunk(0, 9, 4) + usage_chunk(1, 9, 3));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 7U);
  run.feed(usage_chunk(1, 9, 8) + usage_chunk(0, 9, 5) + kFinish + kFinish + kDone);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 13U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 9U);
  EXPECT_TRUE(run.follower.has_usage());
}

TEST(AnswerFollower, ATotalForAllChoicesIsExact) {
  for (const std::string& before :
       {std::string(), usage_chunk(0, 9, 5) + usage_chunk(1, 9, 8),
        usage_chunk(0, 9, 5) + usage_chunk(1, 9, 13)}) {  // these two told the running total
    Following run({.finishes = 2});
    run.feed(before + kFinish + kFinish + usage_chunk({}, 9, 13, 4) + kDone);
    EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 13U) << before;
    EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 5U) << before;
    EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextCacheRead), 4U) << before;
  }
}

TEST(AnswerFollower, UsageInTheLastFinishAloneIsTheWholeAnswers) {
  Following run({.finishes = 2});
  run.feed(kText + kFinish +
           chunk(R"("choices":[{"index":1,"delta":{},"finish_reason":"stop"}],)"
                 R"("usage":{"prompt_tokens":9,"completion_tokens":6})"));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 6U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 9U);
  EXPECT_TRUE(run.follower.has_final_usage());
}

TEST(AnswerFollower, EveryPromptOfARequestIsCountedOnce) {
  Following run({.finishes = 4, .prompts = 2});  // two choices for each
  run.feed(usage_chunk(0, 9, 1) + usage_chunk(1, 9, 1) + usage_chunk(2, 5, 1) +
           usage_chunk(3, 5, 1));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 14U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 4U);
}

TEST(AnswerFollower, AChoiceBeyondThoseAskedForIsCountedAsTheLast) {
  Following run({.finishes = 2});
  run.feed(usage_chunk(0, 9, 4) + usage_chunk(1'000'000, 9, 3));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 7U);
}

TEST(AnswerFollower, WhatWasCachedIsNoInputMore) {
  Following run({});
  run.feed(usage_chunk(0, 9, 1) + kFinish + usage_chunk({}, 9, 1, 4));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextFresh), 5U);
  EXPECT_EQ(run.follower.usage().count(TokenClass::kInputTextCacheRead), 4U);
}

TEST(AnswerFollower, LaterCountsNeverShrink) {
  Following run({});
  run.feed(kTextWithUsage +
           chunk(R"("choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0})"));
  EXPECT_EQ(run.follower.usage().count(TokenClass::kOutputText), 1U);
}

}  // namespace
}  // namespace tdn::gateway
