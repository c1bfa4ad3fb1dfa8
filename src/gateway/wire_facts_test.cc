// What real engines were seen to send, event by event as captured (llama.cpp's server, vLLM, other
// OpenAI-compatible ones; texts shortened), and what a client and the books must make of it. What
// such engines do at the level of connections is in failover_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/gateway_test_fixture.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct WireFact {
  const char* name;
  std::string_view request;
  std::vector<std::string_view> events;  // one chunk each, then the body ends
  std::string_view client_gets;          // somewhere in it
  std::string_view client_never_gets;    // "" : nothing is forbidden
  meter::End end = meter::End::kComplete;
  meter::TokenTotals tokens;
  bool estimated = false;
};

constexpr std::string_view kTwo = R"({"model":"m","stream":true,"n":2,"messages":[]})";
constexpr std::string_view kFour = R"({"model":"m","stream":true,"max_tokens":4,"messages":[]})";
constexpr std::string_view kTwiceFour =
    R"({"model":"m","stream":true,"max_tokens":4,"n":2,"messages":[]})";
constexpr std::string_view kWithUsage =
    R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]})";

const std::vector<WireFact>& facts() {
  static const std::vector<WireFact> kFacts{
      // vLLM whose engine process is killed: an error, `[DONE]`, a clean end.
      {.name = "DoneAfterAnErrorInTheMiddle",
       .request = kStream,
       .events =
           {R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})"
            "\n\n",
            R"(data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hey"},"finish_reason":null}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}})"
            "\n\n",
            R"(data: {"error": {"message": "EngineCore encountered an issue", "type": "InternalServerError", "param": null, "code": 500}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "stream_interrupted",
       .client_never_gets = "[DONE]",
       .end = meter::End::kUpstreamDied,
       .tokens = {9, 0, 1}},
      // A small server: no role chunk, no `[DONE]`, usage always and inside the finish chunk,
      // another
      // model's name, no finish_reason in earlier chunks.
      {.name = "NoDoneAndUsageInsideTheFinish",
       .request = kStream,
       .events =
           {R"(data: {"id":"1","created":1,"model":"/models/a.gguf","choices":[{"index":0,"delta":{"content":"Paris"}}]})"
            "\n\n",
            R"(data: {"id":"1","created":1,"model":"/models/a.gguf","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14}})"
            "\n\n"},
       .client_gets = R"("finish_reason":"stop"}]})",
       .client_never_gets = "usage",
       .tokens = {12, 0, 2}},
      // llama.cpp: pings before the first token, `content:null` in the first delta, timings on a
      // chunk that is not the last.
      {.name = "PingsAndANullContentFirst",
       .request = kWithUsage,
       .events =
           {":\n\n",
            R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"chatcmpl-x","model":"m","object":"chat.completion.chunk"})"
            "\n\n",
            R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],"timings":{"cache_n":27,"prompt_n":1,"predicted_n":1}})"
            "\n\n",
            R"(data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}]})"
            "\n\n",
            R"(data: {"choices":[],"usage":{"completion_tokens":2,"prompt_tokens":28,"total_tokens":30,"prompt_tokens_details":{"cached_tokens":27}}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "\"cached_tokens\":27",
       .client_never_gets = "",
       .tokens = {1, 27, 2}},
      // vLLM under load: an empty content, several tokens in one chunk; whole blocks are cached.
      {.name = "MergedTokensAndCachedBlocks",
       .request = kStream,
       .events =
           {R"(data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})"
            "\n\n",
            R"(data: {"choices":[{"index":0,"delta":{"content":"one two three"}}]})"
            "\n\n",
            R"(data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"length"}]})"
            "\n\n",
            R"(data: {"choices":[],"usage":{"prompt_tokens":490,"total_tokens":618,"completion_tokens":128,"prompt_tokens_details":{"cached_tokens":384}}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "one two three",
       .client_never_gets = "usage",
       .tokens = {106, 384, 128}},
      // A letter of several tokens: sixteen tokens came in five chunks. Chunks are no count.
      {.name = "FewerChunksThanTokens",
       .request = kStream,
       .events =
           {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xF0\x9F\xA6\x99\"}}]}\n\n",
            R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
            "\n\n",
            R"(data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":16}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "\xF0\x9F\xA6\x99",
       .client_never_gets = "",
       .tokens = {10, 0, 16}},
      // llama.cpp, n = 2: a usage chunk for each choice, the first while the other still runs.
      {.name = "UsageForEachChoice",
       .request = kTwo,
       .events =
           {R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}]})"
            "\n\n",
            R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3}})"
            "\n\n",
            R"(data: {"choices":[{"index":1,"delta":{"content":"b"}}]})"
            "\n\n",
            R"(data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "[DONE]",
       .client_never_gets = "usage",
       .tokens = {9, 0, 6}},
      // What stands before an engine ends the body in good order when the engine is gone.
      {.name = "AnEndBeforeTheFinish",
       .request = kStream,
       .events = {R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}]})"
                  "\n\n"},
       .client_gets = "stream_interrupted",
       .client_never_gets = "[DONE]",
       .end = meter::End::kUpstreamDied,
       .tokens = {9, 0, 1},
       .estimated = true},
      // An engine cannot have made more than it was allowed to.
      {.name = "MoreOutputThanTheRequestAllows",
       .request = kFour,
       .events =
           {R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}]})"
            "\n\n",
            R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":1000000}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "[DONE]",
       .client_never_gets = "usage",
       .tokens = {9, 0, 1},
       .estimated = true},
      {.name = "AsMuchAsAllAnswersTogetherMayHave",
       .request = kTwiceFour,
       .events =
           {R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"length"}]})"
            "\n\n",
            R"(data: {"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"length"}]})"
            "\n\n",
            R"(data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":8}})"
            "\n\n",
            "data: [DONE]\n\n"},
       .client_gets = "[DONE]",
       .client_never_gets = "usage",
       .tokens = {9, 0, 8}},
      // No usage at all, and the end of the body instead of `[DONE]`: billed on an estimate.
      {.name = "NoUsageAtAll",
       .request = kStream,
       .events = {R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}]})"
                  "\n\n",
                  R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
                  "\n\n"},
       .client_gets = "\"finish_reason\":\"stop\"",
       .client_never_gets = "stream_interrupted",
       .tokens = {9, 0, 1},
       .estimated = true},
  };
  return kFacts;
}

using WireFacts = GatewayFixture;

TEST_F(WireFacts, WhatEnginesSendIsRelayedCutAndCounted) {
  start();
  for (const WireFact& fact : facts()) {
    SCOPED_TRACE(fact.name);
    books.records.clear();
    const auto client = request(fact.request);
    const std::size_t engine_at = engines.far.size() - 1;
    begin_stream(engine_at);
    for (const std::string_view one : fact.events) {
      if (!engine(engine_at).peer_gone()) {  // an error is believed at once
        event(one, engine_at);
      }
    }
    if (!engine(engine_at).peer_gone()) {
      write(engine(engine_at), "0\r\n\r\n");
    }
    test.advance(100ms);
    const std::string got = read(*client);
    EXPECT_THAT(got, HasSubstr(std::string(fact.client_gets)));
    if (!fact.client_never_gets.empty()) {
      EXPECT_THAT(got, Not(HasSubstr(std::string(fact.client_never_gets))));
    }
    ASSERT_EQ(books.records.size(), 1U);
    const meter::UsageRecord& record = books.records[0];
    EXPECT_EQ(record.end, fact.end);
    EXPECT_EQ((record.flags & meter::kEstimated) != 0, fact.estimated);
    if (!fact.estimated) {
      EXPECT_EQ(record.reported.totals(), fact.tokens);
    }
    engine(engine_at).abort();
    test.settle();
  }
}

// vLLM that is overloaded: status 200, and the whole body is an error and `[DONE]`.
TEST_F(WireFacts, ASuccessWhoseOnlyEventIsAnErrorIsTriedElsewhere) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(
      R"(data: {"error": {"message": "The engine is currently busy, please retry later", "type": "Service Unavailable", "param": null, "code": 503}})"
      "\n\n");
  EXPECT_EQ(read(*client), "") << "the client's 200 is held";
  ASSERT_EQ(engines.far.size(), 2U);
  begin_stream(1);
  event(text_event(1), 1);
  EXPECT_THAT(read(*client), HasSubstr("\"content\":\"x\""));
  EXPECT_GT(state("near").paused_until(), test.clock.now()) << "busy, not broken";
  EXPECT_EQ(state("near").health_state().failures, 0);
}

// The same engine when asked for a whole answer: a real 503 without Retry-After.
TEST_F(WireFacts, ABusyEngineWithoutRetryAfterIsLeftAloneForASecond) {
  start();
  const auto client = request(kPlain);
  answer(
      R"({"error":{"message":"The engine is currently busy","type":"Service Unavailable","code":503}})",
      503);
  ASSERT_EQ(engines.far.size(), 2U);
  EXPECT_EQ(state("near").paused_until(), test.clock.now() + 1s);
}

// An engine that hangs while its server, or a proxy before it, keeps the connection open.
TEST_F(WireFacts, AStreamThatOnlyPingsHasStalled) {
  start();
  const auto client = request(kStream);
  begin_stream();
  event(text_event(1));
  for (int second = 0; second < 29; ++second) {
    test.advance(1s);
    event(": ping\n\n");
  }
  EXPECT_THAT(read(*client), Not(HasSubstr("stream_interrupted")));
  test.advance(1s);
  EXPECT_THAT(read(*client), HasSubstr("stream_interrupted"));
  ASSERT_EQ(books.records.size(), 1U);
  EXPECT_EQ(books.records[0].end, meter::End::kTimedOut);
}

TEST_F(WireFacts, AWholeAnswerOfWhiteSpaceHasStalledAndAnotherIsAsked) {
  start();
  const auto client = request(kPlain);
  const std::size_t asked = engines.far.size();
  write(engine(0), "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n");
  for (int second = 0; second < 119; ++second) {
    test.advance(1s);
    write(engine(0), " ");
  }
  EXPECT_EQ(engines.far.size(), asked);
  test.advance(1s);
  EXPECT_EQ(read(*client), "");
  ASSERT_EQ(engines.far.size(), asked + 1);
}

TEST_F(WireFacts, AWholeAnswerWithoutCountsIsBilledByItsText) {
  start();
  const auto client = request(kPlain);
  answer(R"({"choices":[{"message":{"content":"nine text"},"finish_reason":"stop"}]})");
  ASSERT_EQ(books.records.size(), 1U);
  const meter::UsageRecord& record = books.records[0];
  EXPECT_EQ(record.end, meter::End::kComplete);
  EXPECT_EQ(record.flags, meter::kEstimated);
  EXPECT_EQ(record.reported.totals(), (meter::TokenTotals{0, 0, 3}));
  books.sync();
  test.settle();
  EXPECT_THAT(read(*client), HasSubstr("nine text"));
}

TEST_F(WireFacts, AWholeAnswerThatIsNoJsonIsTheEnginesFailureAndAnotherIsAsked) {
  start();
  const auto client = request(kPlain);
  const std::size_t asked = engines.far.size();
  answer("<html>bad gateway</html>");
  test.settle();
  EXPECT_TRUE(books.records.empty());
  EXPECT_EQ(read(*client), "");
  ASSERT_EQ(engines.far.size(), asked + 1);
  EXPECT_THAT(read(engine(asked)), HasSubstr("POST /v1/chat/completions"));
}

}  // namespace
}  // namespace tdn::gateway
