// What one request and one streamed event cost in the codecs of the data path.
#include <benchmark/benchmark.h>

#include <string>

#include "codec/http1.h"
#include "codec/json_reader.h"
#include "codec/openai.h"
#include "codec/sse.h"

namespace tdn::codec {
namespace {

constexpr std::string_view kRequestHead =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    "Accept: application/json\r\nContent-Type: application/json\r\n"
    "User-Agent: OpenAI/JS 6.49.0\r\nX-Stainless-Lang: js\r\nX-Stainless-Package-Version: "
    "6.49.0\r\n"
    "X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: node\r\n"
    "X-Stainless-Runtime-Version: v24.19.0\r\nAuthorization: Bearer sk-tdn-jhvry0xfy6-0000\r\n"
    "Content-Length: 1000\r\nConnection: keep-alive\r\nAccept-Language: *\r\n\r\n";

constexpr std::string_view kEvent =
    "data: {\"id\":\"chatcmpl-0192f0c0a000\",\"object\":\"chat.completion.chunk\",\"created\":"
    "1763930000,\"model\":\"smollm2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" the\"},"
    "\"finish_reason\":null}]}\n\n";

// What bench/load.cc sends and bench/mock_engine.cc answers, so that counts here and there compare.
std::string relayed_request() {
  return R"({"model":"bench","messages":[{"role":"system","content":"You are a helpful assistant."},)"
         R"({"role":"user","content":")" +
         std::string(840, 'w') + R"("}],"temperature":0.7,"max_tokens":256,"stream":false})";
}

std::string relayed_answer() {
  return R"({"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"mock",)"
         R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
         std::string(740, 'a') +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":200,)"
         R"("completion_tokens":190,"total_tokens":390}})";
}

constexpr std::string_view kRelayedData =
    R"({"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,)"
    R"("model":"mock","choices":[{"index":0,"delta":{"content":"t=01234567890123456789 "},)"
    R"("finish_reason":null}]})";

std::string chat_body(std::size_t text) {
  return R"({"model":"smollm2","messages":[{"role":"system","content":"You are helpful."},)"
         R"({"role":"user","content":")" +
         std::string(text, 'x') + R"("}],"stream":true,"max_tokens":64,"temperature":0.7})";
}

void request_head(benchmark::State& state) {
  for (auto _ : state) {
    RequestParser parser;
    auto parsed = parser.parse(kRequestHead);
    benchmark::DoNotOptimize(parsed);
    benchmark::DoNotOptimize(parser.head().find("authorization"));
  }
}
BENCHMARK(request_head);

void scan_body(benchmark::State& state) {
  const std::string body = chat_body(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto scan = scan_request(body, Operation::kChatCompletions);
    benchmark::DoNotOptimize(scan);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(scan_body)->Arg(800)->Arg(60'000);

void splice_body(benchmark::State& state) {
  const std::string body = chat_body(800);
  const auto scan = scan_request(body, Operation::kChatCompletions);
  const RequestEdits edits{.model = "SmolLM2-135M-Instruct", .include_usage = true};
  for (auto _ : state) {
    auto spliced = splice_request(body, *scan, edits);
    benchmark::DoNotOptimize(spliced);
  }
}
BENCHMARK(splice_body);

void parse_event(benchmark::State& state) {
  SseParser parser;
  for (auto _ : state) {
    parser.push(kEvent);
    benchmark::DoNotOptimize(parser.next());
    benchmark::DoNotOptimize(parser.next());
  }
}
BENCHMARK(parse_event);

void inspect_ordinary_event(benchmark::State& state) {
  const std::string_view data = kEvent.substr(6, kEvent.size() - 8);
  for (auto _ : state) {
    auto found = inspect_event(data);
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(inspect_ordinary_event);

void scan_relayed_request(benchmark::State& state) {
  const std::string body = relayed_request();
  for (auto _ : state) {
    auto scan = scan_request(body, Operation::kChatCompletions);
    benchmark::DoNotOptimize(scan);
  }
}
BENCHMARK(scan_relayed_request);

void splice_relayed_request(benchmark::State& state) {
  const std::string body = relayed_request();
  const auto scan = scan_request(body, Operation::kChatCompletions);
  const RequestEdits edits{.model = "mock"};
  for (auto _ : state) {
    auto spliced = splice_request(body, *scan, edits);
    benchmark::DoNotOptimize(spliced);
  }
}
BENCHMARK(splice_relayed_request);

void inspect_relayed_answer(benchmark::State& state) {
  const std::string body = relayed_answer();
  for (auto _ : state) {
    auto found = inspect_body(body);
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(inspect_relayed_answer);

void parse_relayed_event(benchmark::State& state) {
  const std::string event = "data: " + std::string(kRelayedData) + "\n\n";
  SseParser parser;
  for (auto _ : state) {
    parser.push(event);
    benchmark::DoNotOptimize(parser.next());
    benchmark::DoNotOptimize(parser.next());
  }
}
BENCHMARK(parse_relayed_event);

void inspect_relayed_event(benchmark::State& state) {
  for (auto _ : state) {
    auto found = inspect_event(kRelayedData);
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(inspect_relayed_event);

void inspect_repeated_event(benchmark::State& state) {
  EventInspector inspector;
  for (auto _ : state) {
    auto found = inspector.inspect(kRelayedData);
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(inspect_repeated_event);

// One chunk per read, as engines write them.
void decode_chunk(benchmark::State& state) {
  const std::string data = "data: " + std::string(kRelayedData) + "\n\n";
  ChunkPrefix prefix;
  const std::string chunk = std::string(chunk_prefix(prefix, data.size())) + data + "\r\n";
  BodyDecoder decoder({.kind = BodyKind::kChunked, .length = 0}, Code::kUpstreamError);
  for (auto _ : state) {
    std::string_view unread = chunk;
    while (!unread.empty()) {
      const auto step = decoder.decode(unread);
      benchmark::DoNotOptimize(step);
      unread.remove_prefix(step->consumed);
    }
  }
}
BENCHMARK(decode_chunk);

void validate_structured_json(benchmark::State& state) {
  std::string text = "[";
  while (text.size() < 60'000) {
    text += R"({"type":"function","function":{"name":"f","parameters":{"x":[1,2.5,true,null]}}},)";
  }
  text.back() = ']';
  for (auto _ : state) {
    JsonReader json(text);
    benchmark::DoNotOptimize(json.skip());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(validate_structured_json);

}  // namespace
}  // namespace tdn::codec
