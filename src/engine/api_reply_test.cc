#include "engine/api_reply.h"

#include <gtest/gtest.h>

namespace tdn::engine {
namespace {

const EngineFacts kFacts = {.name = "m\"1", .fingerprint = "simulated", .simulated = true};

AnswerWriter writer(AnswerKind kind, bool include, bool continuous) {
  GenerationSettings settings;
  settings.include_usage = include;
  settings.continuous_usage = continuous;
  return {kind, kFacts, "id-1", 1700000000, settings};
}

constexpr std::string_view kChunk =
    R"(data: {"id":"id-1","object":"chat.completion.chunk","created":1700000000,"model":"m\"1","system_fingerprint":"simulated","choices":[)";
constexpr std::string_view kUsage =
    R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}})";

std::string chunk(std::string_view rest) {
  return std::string(kChunk) + std::string(rest) + "}\n\n";
}

TEST(AnswerWriter, WritesAWholeChatAnswer) {
  EXPECT_EQ(
      writer(AnswerKind::kChat, false, false).whole({{"a\n\"\x01é", Finish::kLength}}, {3, 1, 2}),
      R"({"id":"id-1","object":"chat.completion","created":1700000000,"model":"m\"1","system_fingerprint":"simulated","choices":[{"index":0,"message":{"role":"assistant","content":"a\n\"\u0001é","refusal":null},"logprobs":null,"finish_reason":"length"}],)" +
          std::string(kUsage) + "}");
}

TEST(AnswerWriter, WritesAWholeCompletionOfTwoPrompts) {
  const std::string body = writer(AnswerKind::kCompletion, false, false)
                               .whole({{"a", Finish::kStop}, {"b", Finish::kStop}}, {3, 1, 2});
  EXPECT_NE(body.find(R"("object":"text_completion")"), std::string::npos);
  EXPECT_NE(
      body.find(
          R"("choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":"stop"},{"index":1,"text":"b","logprobs":null,"finish_reason":"stop"}])"),
      std::string::npos);
}

TEST(AnswerWriter, ShowsUsageWhereItWasAskedFor) {
  const AnswerWriter plain = writer(AnswerKind::kChat, false, false);
  const std::string text =
      R"({"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}])";
  EXPECT_EQ(plain.text_event(0, "a", {3, 1, 2}), chunk(text));
  const AnswerWriter with = writer(AnswerKind::kChat, true, false);
  EXPECT_EQ(with.text_event(0, "a", {3, 1, 2}), chunk(text + R"(,"usage":null)"));
  EXPECT_EQ(with.usage_event({3, 1, 2}), chunk("]," + std::string(kUsage)));
  const AnswerWriter continuous = writer(AnswerKind::kChat, true, true);
  EXPECT_EQ(continuous.text_event(0, "a", {3, 1, 2}), chunk(text + "," + std::string(kUsage)));
}

TEST(AnswerWriter, BeginsWithTheRoleAndEndsWithTheReason) {
  const AnswerWriter chat = writer(AnswerKind::kChat, false, false);
  EXPECT_EQ(
      chat.role_event(0, {}),
      chunk(
          R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}])"));
  EXPECT_EQ(chat.finish_event(0, Finish::kStop, {}),
            chunk(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])"));
  EXPECT_NE(writer(AnswerKind::kCompletion, false, false)
                .finish_event(1, Finish::kLength, {})
                .find(R"({"index":1,"text":"","logprobs":null,"finish_reason":"length"})"),
            std::string::npos);
}

TEST(Replies, ErrorsFollowTheTable) {
  EXPECT_EQ(
      error_body({Error(Code::kInvalidRequest, "stop must be \"x\""), "stop"}),
      R"({"error":{"message":"stop must be \"x\"","type":"invalid_request_error","param":"stop","code":"invalid_request"}})");
  EXPECT_EQ(error_event(Error(Code::kStreamInterrupted, "gone")),
            "data: "
            "{\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"param\":null,\"code\":"
            "\"stream_interrupted\"}}\n\n");
  EXPECT_NE(error_body({Error(Code::kCorrupt, "x")}).find(R"("code":"internal_error")"),
            std::string::npos);
}

TEST(Replies, EmbeddingsAsNumbersAndAsLittleEndianFloats) {
  const std::vector<std::vector<float>> vectors = {{0.5F, -1}, {0.1F, 0}};
  EXPECT_EQ(
      embeddings_body(vectors, false, "m", 7),
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding","index":1,"embedding":[0.1,0]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}})");
  // 0x3f000000, 0xbf800000
  EXPECT_NE(embeddings_body({vectors[0]}, true, "m", 7).find(R"("embedding":"AAAAPwAAgL8=")"),
            std::string::npos);
}

TEST(Replies, AModelSaysThatItIsSimulated) {
  EXPECT_NE(models_body(kFacts, 5).find(R"("id":"m\"1")"), std::string::npos);
  EXPECT_NE(models_body(kFacts, 5).find(R"("simulated":true)"), std::string::npos);
}

}  // namespace
}  // namespace tdn::engine
