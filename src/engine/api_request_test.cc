#include "engine/api_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tdn::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "param: message", or empty.
template <class T>
std::string error_of(const ApiResult<T>& request) {
  return request ? "" : request.error().param + ": " + request.error().error.detail();
}
std::string chat_error(const std::string& members) {
  return error_of(parse_chat_request(R"({"model":"m","messages":[{"role":"user","content":"hi"}])" +
                                     members + "}"));
}

TEST(ChatRequest, ReadsWhatMatters) {
  const auto request = parse_chat_request(R"({
    "model": "m", "temperature": 0, "top_p": 0.5, "seed": -1, "max_tokens": 9, "stop": ["a", "b"],
    "frequency_penalty": -1, "presence_penalty": 1.5, "stream": true,
    "stream_options": {"include_usage": true, "continuous_usage_stats": true},
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content":
      [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]},
      {"role": "assistant", "content": ""}]})");
  ASSERT_TRUE(request) << error_of(request);
  const GenerationSettings& settings = request->settings;
  EXPECT_EQ(settings.model, "m");
  EXPECT_EQ(settings.max_tokens, 9);
  EXPECT_EQ(settings.sampling.temperature, 0);
  EXPECT_EQ(settings.sampling.top_p, 0.5F);
  EXPECT_EQ(settings.sampling.frequency_penalty, -1);
  EXPECT_EQ(settings.sampling.presence_penalty, 1.5F);
  EXPECT_EQ(settings.sampling.seed, ~std::uint64_t{0});
  EXPECT_THAT(settings.stops, ElementsAre("a", "b"));
  EXPECT_TRUE(settings.stream && settings.include_usage && settings.continuous_usage);
  ASSERT_EQ(request->chat.messages.size(), 3U);
  EXPECT_EQ(request->chat.messages[0].role, Role::kSystem);
  EXPECT_EQ(request->chat.messages[1].content, "one two");
  EXPECT_FALSE(request->chat.continue_last);
}

TEST(ChatRequest, TheSmallerOfBothTokenLimitsCounts) {
  const auto limit = [](const std::string& members) {
    return parse_chat_request(R"({"model":"m","messages":[{"role":"user","content":"hi"}])" +
                              members + "}")
        ->settings.max_tokens;
  };
  EXPECT_EQ(limit(""), std::nullopt);
  EXPECT_EQ(limit(R"(,"max_completion_tokens":7)"), 7);
  EXPECT_EQ(limit(R"(,"max_completion_tokens":7,"max_tokens":5)"), 5);
  EXPECT_EQ(limit(R"(,"max_completion_tokens":3,"max_tokens":5)"), 3);
  EXPECT_EQ(limit(R"(,"max_tokens":99999999999)"), std::numeric_limits<int>::max());
}

TEST(ChatRequest, RefusesByNameWhatItLacks) {
  for (const auto& [name, member] : std::vector<std::pair<std::string, std::string>>{
           {"tools", R"([{"type":"function"}])"},
           {"tool_choice", R"("auto")"},
           {"functions", "[{}]"},
           {"response_format", R"({"type":"json_object"})"},
           {"logprobs", "true"},
           {"top_logprobs", "2"},
           {"n", "2"},
           {"best_of", "2"},
           {"echo", "true"},
           {"suffix", R"("x")"},
           {"logit_bias", R"({"5":1})"},
           {"audio", "{}"},
           {"modalities", R"(["text","audio"])"}}) {
    const std::string error = chat_error(",\"" + name + "\":" + member);
    EXPECT_THAT(error, testing::StartsWith(name + ": " + name + " is not supported")) << name;
  }
}

TEST(ChatRequest, AcceptsWhatChangesNothing) {
  EXPECT_EQ(chat_error(R"(,"tools":[],"tool_choice":"none","n":1,"logprobs":false,"stop":null,
      "top_logprobs":0,"response_format":{"type":"text"},"logit_bias":{},"suffix":null,
      "modalities":["text"],"user":"u","unknown":{"deep":[1]},"store":true)"),
            "");
}

TEST(ChatRequest, NamesWhatIsWrong) {
  EXPECT_EQ(chat_error(R"(,"temperature":3)"),
            "temperature: temperature must be a number from 0 to 2");
  EXPECT_EQ(chat_error(R"(,"temperature":"1")"),
            "temperature: temperature must be a number from 0 to 2");
  EXPECT_EQ(chat_error(R"(,"max_tokens":0)"),
            "max_tokens: max_tokens must be an integer of at least 1");
  EXPECT_EQ(chat_error(R"(,"max_tokens":1.5)"),
            "max_tokens: max_tokens must be an integer of at least 1");
  EXPECT_THAT(chat_error(R"(,"stop":["a","b","c","d","e"])"), HasSubstr("stop: stop must be"));
  EXPECT_THAT(chat_error(R"(,"stop":"")"), HasSubstr("stop: stop must be"));
  EXPECT_THAT(chat_error(R"(,"seed":1.5)"), HasSubstr("seed must be an integer"));
  EXPECT_THAT(chat_error(R"(,"stream":"yes")"), HasSubstr("stream must be true or false"));
  EXPECT_THAT(error_of(parse_chat_request("{")), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(parse_chat_request("[]")), HasSubstr("must be a JSON object"));
  EXPECT_THAT(error_of(parse_chat_request(R"({"messages":[{"role":"user","content":"x"}]})")),
              HasSubstr("model: model must be"));
  EXPECT_THAT(error_of(parse_chat_request(R"({"model":"m"})")),
              HasSubstr("messages: messages must"));
  EXPECT_THAT(error_of(parse_chat_request(R"({"model":"m","messages":[]})")),
              HasSubstr("messages: messages must"));
}

std::string message_error(const std::string& message) {
  return error_of(parse_chat_request(R"({"model":"m","messages":[)" + message + "]}"));
}

TEST(ChatRequest, RefusesMessagesItCannotSay) {
  EXPECT_EQ(message_error(R"({"role":"tool","content":"x"})"),
            "messages[0].role: messages[0].role tool is not supported by this engine; use system, "
            "user or assistant");
  EXPECT_THAT(message_error(R"({"content":"x"})"), HasSubstr("messages[0].role must be"));
  EXPECT_THAT(message_error(R"({"role":"user"})"), HasSubstr("messages[0].content must be"));
  EXPECT_THAT(message_error(R"({"role":"user","content":5})"), HasSubstr("content must be"));
  EXPECT_THAT(message_error(R"({"role":"user","content":[{"type":"image_url"}]})"),
              HasSubstr("messages[0].content[0]: parts of type image_url"));
  EXPECT_THAT(message_error(R"({"role":"assistant","content":"","tool_calls":[{}]})"),
              HasSubstr("messages[0].tool_calls is not supported"));
  EXPECT_THAT(message_error("3"), HasSubstr("messages[0] must be an object"));
}

TEST(ChatRequest, ContinuesTheLastMessageOnlyIfBothFlagsAgree) {
  const auto parse = [](const std::string& last, const std::string& members) {
    return parse_chat_request(
        R"({"model":"m","messages":[{"role":"user","content":"q"},{"role":")" + last +
        R"(","content":"It is"}])" + members + "}");
  };
  const std::string both = R"(,"continue_final_message":true,"add_generation_prompt":false)";
  EXPECT_TRUE(parse("assistant", both)->chat.continue_last);
  EXPECT_TRUE(parse("assistant", R"(,"continue_final_message":true)")->chat.continue_last);
  EXPECT_FALSE(parse("user", both));
  EXPECT_FALSE(
      parse("assistant", R"(,"continue_final_message":true,"add_generation_prompt":true)"));
  EXPECT_FALSE(parse("assistant", R"(,"add_generation_prompt":false)"));
}

TEST(CompletionRequest, TakesEveryShapeOfPrompt) {
  const auto prompts = [](const std::string& prompt) {
    return parse_completion_request(R"({"model":"m","prompt":)" + prompt + "}");
  };
  EXPECT_THAT(prompts(R"("a")")->prompts, ElementsAre(Prompt("a")));
  EXPECT_THAT(prompts(R"(["a","b"])")->prompts, ElementsAre(Prompt("a"), Prompt("b")));
  EXPECT_THAT(prompts("[1,2]")->prompts, ElementsAre(Prompt(std::vector<Token>{1, 2})));
  EXPECT_THAT(prompts("[[1],[2,3]]")->prompts,
              ElementsAre(Prompt(std::vector<Token>{1}), Prompt(std::vector<Token>{2, 3})));
  for (const char* wrong : {"null", "\"\"", "[]", "[[]]", "[\"\"]", "5", "[1,\"a\"]", "[-1]",
                            "[1.5]", "[99999999999]"}) {
    EXPECT_THAT(error_of(prompts(wrong)), HasSubstr("prompt: prompt must be")) << wrong;
  }
}

TEST(EmbeddingRequest, ReadsInputsAndFormat) {
  const auto request = parse_embedding_request(
      R"({"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":5})");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->base64);
  EXPECT_EQ(request->dimensions, 5);
  EXPECT_EQ(request->inputs.size(), 2U);
  EXPECT_FALSE(parse_embedding_request(R"({"model":"m","input":"a"})")->base64);
  EXPECT_THAT(
      error_of(parse_embedding_request(R"({"model":"m","input":"a","encoding_format":"hex"})")),
      HasSubstr("encoding_format must be float or base64"));
  EXPECT_THAT(error_of(parse_embedding_request(R"({"model":"m"})")), HasSubstr("input must be"));
}

TEST(TokenizeRequest, TakesTextOrMessages) {
  EXPECT_EQ(std::get<std::string>(parse_tokenize_request(R"({"content":""})")->text), "");
  const auto chat =
      parse_tokenize_request(R"({"messages":[{"role":"user","content":"x"}],"add_special":true})");
  EXPECT_EQ(std::get<Chat>(chat->text).messages.size(), 1U);
  EXPECT_TRUE(chat->options.add_special);
  EXPECT_THAT(error_of(parse_tokenize_request("{}")), HasSubstr("content must be"));
}

}  // namespace
}  // namespace tdn::engine
