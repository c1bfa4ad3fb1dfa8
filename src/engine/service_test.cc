// The whole engine but for sockets, on time that stands still: simulated model, in-memory
// connections.
#include "engine/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>

#include "io/pipe.h"
#include "io/test_loop.h"

namespace tdn::engine {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

class PipeListener final : public io::Listener {
 public:
  std::unique_ptr<io::Stream> connect() {
    io::PipeEnds ends = io::make_pipe();
    waiting_.push_back(std::move(ends.second));
    arrived_.set();
    return std::move(ends.first);
  }
  io::Task<Result<std::unique_ptr<io::Stream>>> accept() override {
    while (waiting_.empty()) {
      if (closed_) {
        co_return fail(Code::kClosed, "closed");
      }
      TDN_CO_TRY_VOID(io::to_result(co_await arrived_.wait(), "accepting"));
    }
    std::unique_ptr<io::Stream> stream = std::move(waiting_.front());
    waiting_.pop_front();
    co_return stream;
  }
  void close() override {
    closed_ = true;
    arrived_.set();
  }
  [[nodiscard]] io::Address address() const override { return {}; }
  [[nodiscard]] std::uint64_t pauses() const override { return 0; }

 private:
  std::deque<std::unique_ptr<io::Stream>> waiting_;
  io::Event arrived_;
  bool closed_ = false;
};

std::string request_of(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// One step takes 10 ms, whatever is in it.
Timing even_steps() {
  Timing timing;
  timing.model = "m";
  timing.context_length = 128;
  timing.slots = 2;
  timing.queue = 1;
  timing.batch_tokens = 128;
  timing.mean_output = 0;
  timing.prefill_base_seconds = 0.01;
  timing.prefill_token_seconds = 0;
  timing.prefill_token_context_seconds = 0;
  timing.decode_base_seconds = 0.01;
  timing.decode_sequence_seconds = 0;
  timing.decode_kv_token_seconds = 0;
  return timing;
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : core(make_simulated_parts(even_steps())) {
    auto pipes = std::make_unique<PipeListener>();
    listener = pipes.get();
    server.emplace(test.loop, std::move(pipes), service, limits, budget);
    server->start();
    service.set_core(core);
    engine.spawn(core.run());
  }
  ~ServiceTest() override {
    test.group.spawn(server->drain(0s));
    test.advance(1s);
    engine.cancel();
    test.settle();
  }

  static std::string drained(io::Stream& stream) {
    std::string all;
    std::array<char, 4096> buffer;
    for (ssize_t count = stream.try_read(buffer); count > 0; count = stream.try_read(buffer)) {
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }
  std::unique_ptr<io::Stream> send(std::string_view request) {
    std::unique_ptr<io::Stream> client = listener->connect();
    const io::Slice slice(request);
    EXPECT_EQ(client->try_write(std::span(&slice, 1)), static_cast<ssize_t>(request.size()));
    test.settle();
    return client;
  }
  // The whole answer, after 5 s.
  std::string ask(std::string_view request) {
    const std::unique_ptr<io::Stream> client = send(request);
    test.advance(5s);
    return drained(*client);
  }
  std::string post(std::string_view path, std::string_view body) {
    return ask(request_of(path, body));
  }
  std::string get(std::string_view path) {
    return ask("GET " + std::string(path) + " HTTP/1.1\r\nhost: x\r\n\r\n");
  }
  static json::value body_of(const std::string& answer) {
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  }
  static std::string text_at(const json::value& value, std::string_view pointer) {
    json::error_code error;
    const json::value* found = value.find_pointer({pointer.data(), pointer.size()}, error);
    return found == nullptr     ? "absent"
           : found->is_string() ? std::string(found->get_string())
                                : std::string(json::serialize(*found));
  }
  // The data of the events of a streamed answer.
  static std::vector<std::string> events_of(const std::string& answer) {
    std::vector<std::string> events;
    for (std::size_t at = answer.find("data: "); at != std::string::npos;
         at = answer.find("data: ", at + 1)) {
      events.push_back(answer.substr(at + 6, answer.find("\n\n", at) - at - 6));
    }
    return events;
  }
  double metric(const std::string& name) {
    const std::string text = get("/metrics");
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  io::TestLoop test;
  http::ServerLimits limits;
  http::BodyBudget budget;
  SeededRandom random{1};
  Core core;
  Service service{test.clock, random};
  io::TaskGroup engine{test.loop};
  PipeListener* listener = nullptr;
  std::optional<http::Server> server;
};

// 2 tokens of text, 4 + 3 of the frame.
std::string chat(const std::string& members = "") {
  return R"({"model":"m","messages":[{"role":"user","content":"12345678"}])" + members + "}";
}

TEST_F(ServiceTest, AnswersAChat) {
  const std::string answer = post("/v1/chat/completions", chat(R"(,"max_tokens":5)"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("content-type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("tdn-simulated: true\r\n"));
  const json::value body = body_of(answer);
  EXPECT_EQ(text_at(body, "/choices/0/message/content").size(), 20U);
  EXPECT_EQ(text_at(body, "/choices/0/finish_reason"), "length");
  EXPECT_EQ(text_at(body, "/usage/prompt_tokens"), "9");
  EXPECT_EQ(text_at(body, "/usage/completion_tokens"), "5");
  EXPECT_EQ(text_at(body, "/usage/total_tokens"), "14");
  EXPECT_EQ(text_at(body, "/system_fingerprint"), "simulated");
  EXPECT_EQ(metric("tdn_engine_generation_tokens_total"), 5);
  EXPECT_EQ(metric("tdn_engine_prompt_tokens_total"), 9);
}

TEST_F(ServiceTest, StreamsRoleTextReasonUsageDone) {
  const std::string whole =
      text_at(body_of(post("/v1/chat/completions", chat(R"(,"max_tokens":3)"))),
              "/choices/0/message/content");
  const std::string answer =
      post("/v1/chat/completions",
           chat(R"(,"max_tokens":3,"stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_THAT(answer, HasSubstr("content-type: text/event-stream\r\n"));
  EXPECT_THAT(answer, HasSubstr("tdn-simulated: true\r\n"));
  const std::vector<std::string> events = events_of(answer);
  ASSERT_EQ(events.size(), 7U) << answer;
  EXPECT_EQ(text_at(json::parse(events[0]), "/choices/0/delta/role"), "assistant");
  std::string text;
  for (int i = 1; i <= 3; ++i) {
    text += text_at(json::parse(events[static_cast<std::size_t>(i)]), "/choices/0/delta/content");
  }
  EXPECT_EQ(text, whole);
  EXPECT_EQ(text_at(json::parse(events[3]), "/usage"), "null");
  EXPECT_EQ(text_at(json::parse(events[4]), "/choices/0/finish_reason"), "length");
  EXPECT_EQ(text_at(json::parse(events[5]), "/choices"), "[]");
  EXPECT_EQ(text_at(json::parse(events[5]), "/usage/completion_tokens"), "3");
  EXPECT_EQ(events[6], "[DONE]");
}

// 5 blocks of 16 tokens and a rest.
std::string long_chat(const std::string& members = "") {
  return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(320, 'x') + "\"}]" +
         members + R"(,"max_tokens":2})";
}

TEST_F(ServiceTest, TellsWhatWasReusedOfThePromptWhereverUsageIsTold) {
  const auto cached = [&](const std::string& answer) {
    return text_at(body_of(answer), "/usage/prompt_tokens_details/cached_tokens");
  };
  EXPECT_EQ(cached(post("/v1/chat/completions", long_chat())), "0");
  const double read = metric("tdn_engine_prompt_tokens_total");
  EXPECT_EQ(cached(post("/v1/chat/completions", long_chat())), "80");
  EXPECT_EQ(metric("tdn_engine_prompt_tokens_total") - read, 87 - 80);
  EXPECT_EQ(metric("tdn_engine_prefix_query_tokens_total"), 2 * 87);
  EXPECT_EQ(metric("tdn_engine_prefix_hit_tokens_total"), 80);
  EXPECT_EQ(metric("tdn_engine_kv_used_tokens"), 0);
  EXPECT_EQ(metric("tdn_engine_kv_cached_tokens"), 80);

  const std::vector<std::string> events =
      events_of(post("/v1/chat/completions",
                     long_chat(R"(,"stream":true,"stream_options":{"include_usage":true})")));
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(
      text_at(json::parse(events[events.size() - 2]), "/usage/prompt_tokens_details/cached_tokens"),
      "80");
  const std::vector<std::string> continuous = events_of(
      post("/v1/chat/completions",
           long_chat(R"(,"stream":true,"stream_options":{"continuous_usage_stats":true})")));
  EXPECT_EQ(text_at(json::parse(continuous.front()), "/usage/prompt_tokens_details/cached_tokens"),
            "80");

  const std::string two = R"({"model":"m","prompt":[")" + std::string(80, 'a') + R"(",")" +
                          std::string(160, 'b') + R"("],"max_tokens":1})";
  EXPECT_EQ(cached(post("/v1/completions", two)), "0");
  EXPECT_EQ(cached(post("/v1/completions", two)), std::to_string(16 + 32));
}

TEST_F(ServiceTest, PromptsOfAnotherPartitionAreNotReused) {
  const auto ask_as = [&](const std::string& header, const std::string& members) {
    const std::string body = long_chat(members);
    return text_at(
        body_of(ask("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + header +
                    "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body)),
        "/usage/prompt_tokens_details/cached_tokens");
  };
  const std::string a = "tdn-cache-partition: a\r\n";
  EXPECT_EQ(ask_as(a, ""), "0");
  EXPECT_EQ(ask_as(a, ""), "80");
  EXPECT_EQ(ask_as("tdn-cache-partition: b\r\n", ""), "0");
  EXPECT_EQ(ask_as("", R"(,"cache_salt":"a")"), "0");
  EXPECT_EQ(ask_as("", R"(,"cache_salt":"a\n")"), "0");
  EXPECT_EQ(ask_as(a, R"(,"cache_salt":"s")"), "0");
  EXPECT_EQ(ask_as(a, R"(,"cache_salt":"s")"), "80");
  EXPECT_EQ(ask_as("", R"(,"cache_salt":"a")"), "80");
}

TEST_F(ServiceTest, RefusesAnOverlongPartition) {
  EXPECT_THAT(
      post("/v1/chat/completions", long_chat(R"(,"cache_salt":")" + std::string(257, 's') + "\"")),
      HasSubstr("cache_salt must be a string of at most 256 bytes"));
  EXPECT_THAT(ask("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntdn-cache-partition: " +
                  std::string(129, 'p') + "\r\ncontent-length: " + std::to_string(chat().size()) +
                  "\r\n\r\n" + chat()),
              HasSubstr("tdn-cache-partition must be at most 128 bytes"));
}

TEST_F(ServiceTest, AnEventLeavesWithEveryToken) {
  const std::unique_ptr<io::Stream> client =
      send(request_of("/v1/chat/completions",
                      chat(R"(,"stream":true,"stream_options":{"continuous_usage_stats":true})")));
  EXPECT_EQ(drained(*client), "");  // nothing before the first token: the status may still change
  for (int tokens = 1; tokens <= 5; ++tokens) {
    test.advance(10ms);
    const std::vector<std::string> events = events_of(drained(*client));
    ASSERT_EQ(events.size(), tokens == 1 ? 2U : 1U);
    EXPECT_EQ(text_at(json::parse(events.back()), "/usage/completion_tokens"),
              std::to_string(tokens));
    EXPECT_EQ(text_at(json::parse(events.back()), "/usage/prompt_tokens"), "9");
  }
}

TEST_F(ServiceTest, AClientThatLeavesStopsItsSequenceWithinAStep) {
  std::unique_ptr<io::Stream> client =
      send(request_of("/v1/chat/completions", chat(R"(,"stream":true)")));
  test.advance(45ms);  // four tokens
  EXPECT_EQ(core.scheduler().running(), 1);
  client->abort();
  test.advance(10ms);
  EXPECT_EQ(core.scheduler().running(), 0);
  EXPECT_EQ(metric("tdn_engine_generation_tokens_total"), 4);
  EXPECT_EQ(core.scheduler().counters().cancelled, 1U);
  EXPECT_EQ(core.scheduler().counters().discarded_tokens, 1U);
}

TEST_F(ServiceTest, AClientThatLeavesWhileItWaitsForAWholeAnswerIsNoticed) {
  std::unique_ptr<io::Stream> client = send(request_of("/v1/chat/completions", chat()));
  test.advance(15ms);
  client->abort();
  test.advance(10ms);
  EXPECT_FALSE(core.scheduler().has_work());
}

TEST_F(ServiceTest, RefusesWhenSlotsAndQueueAreFull) {
  std::vector<std::unique_ptr<io::Stream>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(send(request_of("/v1/chat/completions", chat(R"(,"stream":true)"))));
  }
  test.advance(20ms);
  EXPECT_EQ(core.scheduler().running(), 2);
  EXPECT_EQ(core.scheduler().waiting(), 1);
  const std::unique_ptr<io::Stream> refused = send(request_of("/v1/chat/completions", chat()));
  const std::string answer = drained(*refused);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("retry-after: 1\r\n"));
  EXPECT_EQ(text_at(body_of(answer), "/error/code"), "overloaded");
  test.advance(10s);
  for (const auto& client : clients) {
    EXPECT_THAT(drained(*client), HasSubstr("data: [DONE]\n\n"));
  }
}

TEST_F(ServiceTest, RefusesWithStatusAndCode) {
  const auto expect = [&](const std::string& answer, std::string_view status, std::string_view code,
                          std::string_view param) {
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::string(status)));
    EXPECT_EQ(text_at(body_of(answer), "/error/code"), code);
    EXPECT_EQ(text_at(body_of(answer), "/error/param"), param);
  };
  const std::string path = "/v1/chat/completions";
  expect(post(path, "{"), "400", "invalid_request", "null");
  expect(post(path, chat(R"(,"tools":[{}])")), "400", "invalid_request", "tools");
  expect(post(path, R"({"model":"other","messages":[{"role":"user","content":"x"}]})"), "404",
         "model_not_found", "model");
  expect(post(path, R"({"model":"m","messages":[{"role":"user","content":")" +
                        std::string(4 * 121, 'x') + R"("}]})"),
         "400", "context_length_exceeded", "messages");
  expect(post("/v1/completions", R"({"model":"m","prompt":[40000]})"), "400", "invalid_request",
         "prompt");
  expect(post("/v1/nothing", "{}"), "404", "not_found", "null");
  expect(get(path), "405", "method_not_allowed", "null");
  expect(post("/v1/embeddings", R"({"model":"m","input":"x","dimensions":3})"), "400",
         "invalid_request", "dimensions");
}

TEST_F(ServiceTest, AnAnswerEndsWhereTheContextDoes) {
  const std::string body =
      R"({"model":"m","max_tokens":100,"prompt":")" + std::string(4 * 120, 'x') + R"("})";
  const json::value answer = body_of(post("/v1/completions", body));
  EXPECT_EQ(text_at(answer, "/usage/prompt_tokens"), "120");
  EXPECT_EQ(text_at(answer, "/usage/completion_tokens"), "8");
  EXPECT_EQ(text_at(answer, "/choices/0/finish_reason"), "length");
}

TEST_F(ServiceTest, CompletesSeveralPromptsInOneRequest) {
  const std::string body = R"({"model":"m","prompt":["1234","12345678"],"max_tokens":2)";
  const json::value whole = body_of(post("/v1/completions", body + "}"));
  EXPECT_EQ(text_at(whole, "/usage/prompt_tokens"), "3");
  EXPECT_EQ(text_at(whole, "/usage/completion_tokens"), "4");
  EXPECT_EQ(text_at(whole, "/choices/1/index"), "1");

  std::array<std::string, 2> texts;
  const std::vector<std::string> events = events_of(
      post("/v1/completions", body + R"(,"stream":true,"stream_options":{"include_usage":true}})"));
  for (const std::string& event : events) {
    if (event != "[DONE]" && text_at(json::parse(event), "/choices") != "[]") {
      const json::value parsed = json::parse(event);
      texts[static_cast<std::size_t>(std::stoi(text_at(parsed, "/choices/0/index")))] +=
          text_at(parsed, "/choices/0/text");
    }
  }
  EXPECT_EQ(texts[0], text_at(whole, "/choices/0/text"));
  EXPECT_EQ(texts[1], text_at(whole, "/choices/1/text"));
  EXPECT_EQ(text_at(json::parse(events[events.size() - 2]), "/usage/completion_tokens"), "4");
}

TEST_F(ServiceTest, TellsTheUsageOfEachChoiceAloneUntilTheEnd) {
  const std::vector<std::string> events =
      events_of(post("/v1/completions",
                     R"({"model":"m","prompt":["1234","12345678"],"max_tokens":2,"stream":true,)"
                     R"("stream_options":{"include_usage":true,"continuous_usage_stats":true}})"));
  std::array<std::string, 2> last;
  for (const std::string& event : events) {
    if (event == "[DONE]") {
      continue;
    }
    const json::value parsed = json::parse(event);
    const std::string usage =
        text_at(parsed, "/usage/prompt_tokens") + "+" + text_at(parsed, "/usage/completion_tokens");
    if (text_at(parsed, "/choices") == "[]") {
      EXPECT_EQ(usage, "3+4");
    } else {
      last.at(static_cast<std::size_t>(std::stoi(text_at(parsed, "/choices/0/index")))) = usage;
    }
  }
  EXPECT_EQ(last[0], "1+2");
  EXPECT_EQ(last[1], "2+2");
}

TEST_F(ServiceTest, EmbedsEachInput) {
  const json::value numbers =
      body_of(post("/v1/embeddings", R"({"model":"m","input":["1234","12345678"]})"));
  EXPECT_EQ(numbers.at("data").as_array().size(), 2U);
  EXPECT_EQ(numbers.at("data").as_array()[1].at("embedding").as_array().size(), 64U);
  EXPECT_EQ(text_at(numbers, "/usage/prompt_tokens"), "3");
  const json::value text =
      body_of(post("/v1/embeddings", R"({"model":"m","input":"1234","encoding_format":"base64"})"));
  EXPECT_EQ(text_at(text, "/data/0/embedding").size(), 344U);  // 256 bytes
}

TEST_F(ServiceTest, CountsTokensWithoutRunningAnything) {
  EXPECT_EQ(text_at(body_of(post("/tokenize", R"({"content":"12345"})")), "/count"), "2");
  const json::value chat_tokens = body_of(post("/tokenize", chat()));
  EXPECT_EQ(text_at(chat_tokens, "/count"), "9");
  EXPECT_EQ(chat_tokens.at("tokens").as_array().size(), 9U);
  EXPECT_EQ(core.scheduler().counters().steps, 0U);
}

TEST_F(ServiceTest, SaysWhatItIs) {
  const json::value models = body_of(get("/v1/models"));
  EXPECT_EQ(text_at(models, "/data/0/id"), "m");
  EXPECT_EQ(text_at(models, "/data/0/simulated"), "true");
  EXPECT_EQ(text_at(models, "/data/0/meta/context_length"), "128");
  EXPECT_EQ(text_at(body_of(get("/v1/models/m")), "/id"), "m");
  EXPECT_THAT(get("/v1/models/other"), StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(metric("tdn_engine_requests_queue_limit"), 1);
  EXPECT_EQ(metric("tdn_engine_kv_capacity_tokens"), 256);
}

TEST_F(ServiceTest, IsUnhealthyUntilTheModelIsLoaded) {
  Service loading(test.clock, random);
  auto pipes = std::make_unique<PipeListener>();
  PipeListener* door = pipes.get();
  http::Server early(test.loop, std::move(pipes), loading, limits, budget);
  early.start();
  const auto health = [&] {
    const std::unique_ptr<io::Stream> client = door->connect();
    const io::Slice slice("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    (void)client->try_write(std::span(&slice, 1));
    test.settle();
    return drained(*client);
  };
  EXPECT_THAT(health(), StartsWith("HTTP/1.1 503"));
  loading.set_core(core);
  EXPECT_THAT(health(), StartsWith("HTTP/1.1 200"));
  test.group.spawn(early.drain(0s));
  test.settle();
}

TEST_F(ServiceTest, StoppingTellsAStreamThatItIsNotWhole) {
  const std::unique_ptr<io::Stream> stream =
      send(request_of("/v1/chat/completions", chat(R"(,"stream":true)")));
  test.advance(20ms);
  const std::unique_ptr<io::Stream> whole = send(request_of("/v1/chat/completions", chat()));
  test.group.spawn(server->drain(100ms));
  test.advance(200ms);
  const std::vector<std::string> events = events_of(drained(*stream));
  EXPECT_THAT(events.back(), HasSubstr(R"("code":"stream_interrupted")"));
  EXPECT_THAT(drained(*whole), StartsWith("HTTP/1.1 503"));
  EXPECT_FALSE(core.scheduler().has_work());
}

}  // namespace
}  // namespace tdn::engine
