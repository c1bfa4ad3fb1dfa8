#include "codec/openai.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "codec/error_body.h"
#include "codec/json_writer.h"

namespace tdn::codec {
namespace {

constexpr Operation kChat = Operation::kChatCompletions;

std::string splice(std::string_view body, const RequestEdits& edits) {
  const auto scan = scan_request(body, kChat);
  EXPECT_TRUE(scan.has_value()) << body;
  const SplicedBody spliced = splice_request(body, *scan, edits);
  EXPECT_EQ(spliced.joined().size(), spliced.size());
  EXPECT_TRUE(scan_request(spliced.joined(), kChat).has_value()) << spliced.joined();
  return spliced.joined();
}

void expect_refused(std::string_view body, std::string_view param,
                    Operation operation = Operation::kChatCompletions) {
  const auto scan = scan_request(body, operation);
  ASSERT_FALSE(scan.has_value()) << body;
  EXPECT_EQ(scan.error().code(), Code::kInvalidRequest);
  EXPECT_EQ(scan.error().param(), param) << body;
}

TEST(ScanRequest, FindsWhatTheGatewayNeeds) {
  const std::string_view body =
      R"({"messages":[{"role":"user","content":"\"model\":\"x\""}],"model":"a\/b","n":2,)"
      R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"user":"u"})";
  const RequestScan scan = scan_request(body, kChat).value();
  EXPECT_EQ(scan.model, "a/b");
  EXPECT_TRUE(scan.stream);
  EXPECT_TRUE(scan.include_usage);
  EXPECT_FALSE(scan.continuous_usage);
  EXPECT_EQ(scan.answers(), 2);
  EXPECT_EQ(scan.max_tokens, 7);
  EXPECT_EQ(scan.max_tokens_at.of(body), "7");
  EXPECT_EQ(scan.model_at.of(body), "a\\/b");
  EXPECT_EQ(scan.user_at.of(body), "\"u\"");
  EXPECT_TRUE(scan.has_user);
}

TEST(ScanRequest, NullMeansNotGiven) {
  const RequestScan scan =
      scan_request(
          R"({"model":"m","stream":null,"n":null,"max_tokens":null,"stream_options":null})", kChat)
          .value();
  EXPECT_FALSE(scan.stream);
  EXPECT_EQ(scan.n, 1);
  EXPECT_EQ(scan.max_tokens, std::nullopt);
}

TEST(ScanRequest, TheNewerCapWins) {
  EXPECT_EQ(scan_request(R"({"model":"m","max_completion_tokens":5,"max_tokens":9})", kChat)
                .value()
                .max_tokens,
            5);
  EXPECT_EQ(scan_request(R"({"model":"m","max_tokens":9,"max_completion_tokens":5})", kChat)
                .value()
                .max_tokens,
            5);
}

TEST(ScanRequest, CountsPrompts) {
  const auto prompts = [](std::string_view value, Operation operation) {
    const std::string name = operation == Operation::kCompletions ? "prompt" : "input";
    return scan_request(R"({"model":"m",")" + name + R"(":)" + std::string(value) + "}", operation)
        .value()
        .prompts;
  };
  EXPECT_EQ(prompts(R"("a")", Operation::kCompletions), 1);
  EXPECT_EQ(prompts(R"(["a","b","c"])", Operation::kCompletions), 3);
  EXPECT_EQ(prompts("[1,2,3]", Operation::kCompletions), 1);
  EXPECT_EQ(prompts("[[1],[2,3]]", Operation::kEmbeddings), 2);
  EXPECT_EQ(scan_request(R"({"model":"m","prompt":["a","b"]})", kChat).value().prompts, 1);
}

TEST(ScanRequest, RefusesByName) {
  expect_refused(R"({"messages":[]})", "model");
  expect_refused(R"({"model":""})", "model");
  expect_refused(R"({"model":7})", "model");
  expect_refused(R"({"model":")" + std::string(kModelNameLimit + 1, 'm') + R"("})", "model");
  expect_refused(R"({"model":"a","model":"b"})", "model");
  expect_refused(R"({"model":"a","m\u006fdel":"b"})", "model");
  expect_refused(R"({"model":"m","stream":1})", "stream");
  expect_refused(R"({"model":"m","stream":"true"})", "stream");
  expect_refused(R"({"model":"m","stream":true,"stream":true})", "stream");
  expect_refused(R"({"model":"m","stream_options":[]})", "stream_options");
  expect_refused(R"({"model":"m","stream_options":{"include_usage":1}})",
                 "stream_options.include_usage");
  expect_refused(R"({"model":"m","stream_options":{"include_usage":true,"include_usage":true}})",
                 "stream_options.include_usage");
  expect_refused(R"({"model":"m","n":0})", "n");
  expect_refused(R"({"model":"m","n":1025})", "n");
  expect_refused(R"({"model":"m","n":1.5})", "n");
  expect_refused(R"({"model":"m","max_tokens":-1})", "max_tokens");
  expect_refused(R"({"model":"m","max_tokens":"8"})", "max_tokens");
  expect_refused(R"({"model":"m","max_tokens":9007199254740992})", "max_tokens");
  expect_refused(R"({"model":"m","max_completion_tokens":1e3})", "max_completion_tokens");
}

TEST(ScanRequest, RefusesWhatIsNotOneValidObject) {
  for (const std::string_view body :
       {"", "[]", "\"a\"", R"({"model":"m")", R"({"model":"m"}})", R"({"model":"m"} x)",
        R"({"model":"m","a":[1,]})", R"({"model":"m","a":"\q"})",
        "{\"model\":\"m\",\"a\":\"\xFF\"}", R"({'model':'m'})"}) {
    expect_refused(body, "");
  }
}

TEST(SpliceRequest, ChangesOnlyWhatWasAsked) {
  EXPECT_EQ(splice(R"( { "model" : "m" , "x":1.50 } )", {.model = "engine/\"m\""}),
            R"( { "model" : "engine/\"m\"" , "x":1.50 } )");
  EXPECT_EQ(splice(R"({"model":"m"})", {.model = "m"}), R"({"model":"m"})");
  EXPECT_EQ(splice(R"({"model":"m","stream":true})", {.include_usage = true}),
            R"({"stream_options":{"include_usage":true},"model":"m","stream":true})");
  EXPECT_EQ(splice(R"({"model":"m","stream_options":null})", {.include_usage = true}),
            R"({"model":"m","stream_options":{"include_usage":true}})");
  EXPECT_EQ(
      splice(R"({"model":"m","stream_options":{}})",
             {.include_usage = true, .continuous_usage = true}),
      R"({"model":"m","stream_options":{"include_usage":true,"continuous_usage_stats":true}})");
  EXPECT_EQ(splice(R"({"model":"m","stream_options":{ "x":1 }})", {.include_usage = true}),
            R"({"model":"m","stream_options":{"include_usage":true, "x":1 }})");
  EXPECT_EQ(splice(R"({"model":"m","stream_options":{"include_usage":false,"x":1}})",
                   {.include_usage = true, .continuous_usage = true}),
            R"({"model":"m","stream_options":{"continuous_usage_stats":true,"include_usage":true,)"
            R"("x":1}})");
  EXPECT_EQ(
      splice(R"({"model":"m","stream_options":{"include_usage":true}})", {.include_usage = true}),
      R"({"model":"m","stream_options":{"include_usage":true}})");
}

TEST(SpliceRequest, SetsTheCapWhereItStandsOrAddsOne) {
  EXPECT_EQ(
      splice(R"({"max_tokens":100,"model":"m","max_completion_tokens":null})", {.max_tokens = 8}),
      R"({"max_tokens":8,"model":"m","max_completion_tokens":8})");
  EXPECT_EQ(splice(R"({"model":"m"})", {.include_usage = true, .max_tokens = 8}),
            R"({"stream_options":{"include_usage":true},"max_tokens":8,"model":"m"})");
}

TEST(SpliceRequest, AllEditsAtOnceFitAndSurviveAMove) {
  const std::string body =
      R"({"model":"m","max_tokens":1,"max_completion_tokens":2,"stream_options":)"
      R"({"a":1,"continuous_usage_stats":false,"include_usage":false,"b":2},"z":0})";
  const auto scan = scan_request(body, kChat);
  ASSERT_TRUE(scan.has_value());
  SplicedBody spliced = splice_request(
      body, *scan,
      {.model = "other", .include_usage = true, .continuous_usage = true, .max_tokens = 3});
  const SplicedBody moved = std::move(spliced);
  EXPECT_EQ(moved.joined(),
            R"({"model":"other","max_tokens":3,"max_completion_tokens":3,"stream_options":)"
            R"({"a":1,"continuous_usage_stats":true,"include_usage":true,"b":2},"z":0})");
}

TEST(InspectEvent, SeesAnOrdinaryEvent) {
  const Inspection event = inspect_event(
      R"({"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,)"
      R"("delta":{"content":" the"},"logprobs":null,"finish_reason":null}]})");
  EXPECT_TRUE(event.is_json);
  EXPECT_TRUE(event.has_content);
  EXPECT_TRUE(event.has_choices);
  EXPECT_EQ(event.finished, 0);
  EXPECT_FALSE(event.usage || event.bad_usage || event.has_error || event.done);
  EXPECT_FALSE(event.usage_member.present());
}

TEST(InspectEvent, OnlyGeneratedTextIsContent) {
  const auto content = [](const std::string& delta) {
    return inspect_event(R"({"choices":[{"delta":)" + delta + "}]}").has_content;
  };
  EXPECT_FALSE(content(R"({"role":"assistant","content":""})"));
  EXPECT_FALSE(content(R"({"role":"assistant","content":null})"));
  EXPECT_FALSE(content(R"({"tool_calls":[]})"));
  EXPECT_FALSE(content("{}"));
  EXPECT_TRUE(content(R"({"reasoning_content":"hm"})"));
  EXPECT_TRUE(content(R"({"tool_calls":[{"index":0}]})"));
  EXPECT_TRUE(content(R"({"refusal":"no"})"));
  EXPECT_TRUE(inspect_event(R"({"choices":[{"text":"x","index":0}]})").has_content);
  EXPECT_FALSE(inspect_event(R"({"choices":[{"text":"","index":0}]})").has_content);
}

TEST(InspectEvent, CountsFinishes) {
  const Inspection event = inspect_event(
      R"({"choices":[{"delta":{},"finish_reason":"stop"},{"delta":{},"finish_reason":null},)"
      R"({"delta":{},"finish_reason":"tool_calls"}]})");
  EXPECT_EQ(event.finished, 2);
  EXPECT_EQ(event.finish, Finish::kTool);
  EXPECT_EQ(inspect_event(R"({"choices":[{"finish_reason":"length"}]})").finish, Finish::kLength);
  EXPECT_EQ(inspect_event(R"({"choices":[{"finish_reason":"eos"}]})").finish, Finish::kStop);
}

TEST(InspectEvent, KnowsTheUsageEventAndTheDoneMark) {
  const Inspection usage =
      inspect_event(R"({"id":"c","choices":[],"usage":{"prompt_tokens":29,"completion_tokens":12,)"
                    R"("total_tokens":41,"prompt_tokens_details":{"cached_tokens":8},)"
                    R"("completion_tokens_details":{"reasoning_tokens":3,"x":1}}})");
  EXPECT_TRUE(usage.is_usage_only());
  EXPECT_EQ(usage.usage,
            (ReportedUsage{.prompt = 29, .cached = 8, .completion = 12, .reasoning = 3}));
  EXPECT_TRUE(inspect_event("[DONE]").done);
  EXPECT_FALSE(inspect_event("[DONE]").is_json);
  EXPECT_FALSE(
      inspect_event(R"({"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}})").is_usage_only());
}

TEST(InspectEvent, UsageThatDoesNotAddUpIsNotCounted) {
  for (const std::string_view usage :
       {R"({"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":2}})",
        R"({"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":2}})",
        R"({"prompt_tokens":-1})", R"({"prompt_tokens":1.5})", R"({"prompt_tokens":"1"})",
        R"({"prompt_tokens":9007199254740992})", "{}", "[]", "7"}) {
    const Inspection event = inspect_event(R"({"choices":[],"usage":)" + std::string(usage) + "}");
    EXPECT_TRUE(event.is_json) << usage;
    EXPECT_TRUE(event.bad_usage) << usage;
    EXPECT_FALSE(event.usage.has_value()) << usage;
    EXPECT_TRUE(event.is_usage_only()) << usage;
  }
  EXPECT_EQ(
      inspect_event(
          R"({"usage":{"prompt_tokens":3,"completion_tokens":null,"prompt_tokens_details":null}})")
          .usage,
      (ReportedUsage{.prompt = 3}));
}

TEST(InspectEvent, SaysWhichChoiceItIsAbout) {
  EXPECT_EQ(inspect_event(R"({"choices":[{"index":3,"delta":{}}]})").choice, 3U);
  EXPECT_EQ(inspect_event(R"({"choices":[{"delta":{}}]})").choice, 0U);
  EXPECT_EQ(inspect_event(R"({"choices":[{"index":1},{"index":2}]})").choice, std::nullopt);
  EXPECT_EQ(inspect_event(R"({"choices":[]})").choice, std::nullopt);
}

TEST(InspectEvent, TheUsageMemberCanBeCutOutAnywhere) {
  for (const std::string_view text :
       {R"({"usage":null,"choices":[]})", R"({"choices":[],"usage":{"prompt_tokens":1}})",
        R"({"id":1 , "usage" : {"prompt_tokens":1} , "choices":[]})", R"({ "usage":null })"}) {
    const Inspection event = inspect_event(text);
    ASSERT_TRUE(event.usage_member.present()) << text;
    std::string cut(text);
    cut.erase(event.usage_member.offset, event.usage_member.length);
    const Inspection after = inspect_event(cut);
    EXPECT_TRUE(after.is_json) << cut;
    EXPECT_FALSE(after.usage_member.present()) << cut;
    EXPECT_EQ(cut.find("usage"), std::string::npos);
  }
}

TEST(InspectEvent, SeesErrorsInsteadOfAnswers) {
  const Inspection busy = inspect_event(
      R"({"error":{"message":"busy","type":"Service Unavailable","param":null,"code":503}})");
  EXPECT_TRUE(busy.has_error);
  EXPECT_EQ(busy.error_status, 503);
  EXPECT_TRUE(inspect_event(R"({"error":"boom"})").has_error);
  EXPECT_EQ(inspect_event(R"({"error":{"code":"rate_limit"}})").error_status, 0);
  EXPECT_FALSE(inspect_event(R"({"choices":[],"error":null})").has_error);
}

RC_GTEST_PROP(InspectEvent, NoTextOfAnAnswerIsTakenForStructure, (const std::string& noise)) {
  const std::string text =
      noise + R"("}],"usage":{"prompt_tokens":1},"error":{"code":500},"finish_reason":"stop")" +
      noise;
  std::string data;
  JsonWriter json(data);
  json.begin_object().key("choices").begin_array().begin_object();
  json.key("delta").begin_object().key("content").string(text).end_object();
  json.key("finish_reason").null().end_object().end_array().end_object();
  const Inspection event = inspect_event(data);
  RC_ASSERT(event.is_json && event.has_content && event.finished == 0);
  RC_ASSERT(!event.usage && !event.bad_usage && !event.has_error && !event.usage_member.present());
}

TEST(InspectEvent, BrokenDataIsNothing) {
  for (const std::string_view data :
       {"", "[DONE", "{", "null", R"({"choices":[{"delta":{"content":"a"}})", R"({"usage":{}}x)"}) {
    const Inspection event = inspect_event(data);
    EXPECT_FALSE(event.is_json || event.done || event.has_content || event.usage) << data;
  }
}

// Events as engines write them, in parts of which each has a few forms, some of them broken.
std::string generated_event() {
  const auto one_of = [](std::vector<std::string> forms) {
    return *rc::gen::elementOf(std::move(forms));
  };
  const std::string text = one_of({"a", "", "\\n", "\\u00e9", "\\", "\\x", "é", "\xC3", "\n", "\"",
                                   R"(","usage":{"prompt_tokens":9},"x":")", "0123456789abcdefghij",
                                   std::string(300, 'y'), R"("}}],"choices":[{"delta":{"c":")"});
  const std::string member = one_of({"content", "content", "role", R"(\u0072ole)", "é"});
  return one_of({R"({"id":"c",)", R"({"id":"c",)", R"({"usage":null,)", R"({"error":"é",)"}) +
         R"("choices":[{"delta":{")" + member + R"(":")" + text + R"("},"finish_reason":)" +
         one_of({"null", "null", "\"stop\""}) +
         one_of({"}]}", "}]}", R"(}],"usage":null})", R"(}],"usage":{"completion_tokens":7}})"});
}

RC_GTEST_PROP(EventInspector, FindsWhatIsFoundWithoutMemory, ()) {
  EventInspector inspector;
  for (int i = 0; i < 50; ++i) {
    const std::string event = generated_event();
    RC_ASSERT(inspector.inspect(event) == inspect_event(event));
  }
}

TEST(EventInspector, ReadsNothingButTheTextOfAnEventThatRepeats) {
  EventInspector inspector;
  const auto event = [](std::string_view text) {
    return R"({"choices":[{"delta":{"content":")" + std::string(text) + R"("}}],"usage":null})";
  };
  for (const std::string_view text : {"a", "bc", "\\n", "", "é", "a\"", "\xC3", "\\", "d"}) {
    const std::string data = event(text);
    const Inspection found = inspector.inspect(data);
    EXPECT_EQ(found, inspect_event(data)) << data;
    EXPECT_TRUE(!found.is_json || found.usage_member.of(data) == R"(,"usage":null)") << data;
  }
  EXPECT_TRUE(inspector.inspect("[DONE]").done);
}

TEST(GeneratedBytes, CountsTextOfAllChoicesAndNothingElse) {
  EXPECT_EQ(
      generated_bytes(
          R"({"id":"content","choices":[{"index":0,"message":{"role":"assistant","content":"12345","reasoning_content":"678"}},{"message":{"content":null,"tool_calls":[{"content":"x"}]}},{"text":"9"}],"content":"no"})"),
      9U);
  EXPECT_EQ(generated_bytes(R"({"data":[{"embedding":[1]}]})"), 0U);
  EXPECT_EQ(generated_bytes(R"({"choices":[{"message":{"content":"cut)"), 0U);
  EXPECT_EQ(generated_bytes(R"({"choices":{"message":[1]}})"), 0U);
  EXPECT_EQ(generated_bytes("[]"), 0U);
  EXPECT_EQ(generated_bytes(""), 0U);
}

TEST(InspectBody, ReadsWholeAnswers) {
  const Inspection chat = inspect_body(
      R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Paris."},)"
      R"("finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}})");
  EXPECT_TRUE(chat.has_content);
  EXPECT_EQ(chat.finished, 1);
  EXPECT_EQ(chat.usage, (ReportedUsage{.prompt = 5, .completion = 2}));
  const Inspection embeddings = inspect_body(
      R"({"object":"list","data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":4,)"
      R"("total_tokens":4}})");
  EXPECT_EQ(embeddings.usage, (ReportedUsage{.prompt = 4}));
}

TEST(ErrorBody, SaysItInBothDialects) {
  const Error error = Error(Code::kInvalidRequest, "`n` must be \"1\"").about("n");
  EXPECT_EQ(openai_error_body(error),
            R"({"error":{"message":"`n` must be \"1\"","type":"invalid_request_error",)"
            R"("code":"invalid_request","param":"n"}})");
  EXPECT_EQ(anthropic_error_body(Error(Code::kOverloaded, "full"), "r1"),
            R"({"type":"error","error":{"type":"overloaded_error","message":"full"},)"
            R"("request_id":"r1"})");
  EXPECT_EQ(openai_error_event(Error(Code::kStreamInterrupted, "cut")),
            "data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\","
            "\"code\":\"stream_interrupted\",\"param\":null}}\n\n");
}

TEST(ErrorBody, InnerCodesAreToldAsInternalErrors) {
  EXPECT_NE(openai_error_body(Error(Code::kNoSpace, "x")).find("internal_error"),
            std::string::npos);
}

}  // namespace
}  // namespace tdn::codec
