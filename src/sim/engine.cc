#include "sim/engine.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/assert.h"
#include "codec/openai.h"
#include "io/event.h"
#include "io/loop.h"
#include "sim/detail/message_reader.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kStreamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
constexpr std::string_view kModels =
    R"({"object":"list","data":[{"id":"smollm2","object":"model","created":1,"owned_by":"sim"}]})";
constexpr std::string_view kErrorEvent =
    "data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";

std::string whole_answer(int status, std::string_view fields, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n{}", status,
      codec::reason_phrase(status), fields, body.size(), body);
}

// Until the other side goes, or this one is told to stop.
io::Task<> wait_for_the_end(io::Stream& stream) {
  std::array<char, 64> ignored;
  while (true) {
    const Result<std::size_t> count = co_await read_some(stream, ignored);
    if (!count || *count == 0) {
      co_return;
    }
  }
}

bool left(const io::Stream& stream) { return stream.peer_gone() || stream.peer_finished(); }

bool is_whole(EngineFault fault) {
  return fault == EngineFault::kNone || fault == EngineFault::kLateUsage ||
         fault == EngineFault::kNoUsage || fault == EngineFault::kNoDone;
}

// What a fault of streams comes to where there is no stream.
EngineFault without_stream(EngineFault fault) {
  switch (fault) {
    case EngineFault::kLateUsage:
    case EngineFault::kNoDone:
      return EngineFault::kNone;
    case EngineFault::kStallsInStream:
      return EngineFault::kSilence;
    case EngineFault::kErrorThenDone:
    case EngineFault::kDiesAfterFinish:
      return EngineFault::kDiesInStream;
    default:
      return fault;
  }
}

}  // namespace

// One request, understood.
struct SimEngine::Work {
  EngineAttempt* attempt = nullptr;
  std::string mark;
  bool streamed = false;
  bool include_usage = false;
  bool continuous_usage = false;
  bool until_close = false;  // no chunks: the end of the connection is the end of the stream
  std::uint64_t tokens = 0;  // to generate
  std::string_view finish = "stop";

  [[nodiscard]] std::string usage() const {
    return fmt::format(
        R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{}}}}})",
        attempt->prompt_tokens, attempt->completion_tokens,
        attempt->prompt_tokens + attempt->completion_tokens, attempt->cached_tokens);
  }
  // A piece of the stream, framed.
  [[nodiscard]] std::string framed(std::string_view data) const {
    return until_close ? std::string(data) : fmt::format("{:x}\r\n{}\r\n", data.size(), data);
  }
  [[nodiscard]] std::string_view last_chunk() const {
    return until_close ? std::string_view() : codec::kLastChunk;
  }
  // An event with one choice; `finish` as JSON.
  [[nodiscard]] std::string event(std::string_view delta, std::string_view finish_json) const {
    const std::string counts = continuous_usage ? ",\"usage\":" + usage() : "";
    return fmt::format(
        R"(data: {{"id":"{}","object":"chat.completion.chunk","created":1,"model":"smollm2","choices":[{{"index":0,"delta":{},"finish_reason":{}}}]{}}})"
        "\n\n",
        mark, delta, finish_json, counts);
  }
};

class SimEngine::Connection {
 public:
  explicit Connection(std::unique_ptr<io::Stream> stream)
      : stream_(std::move(stream)), reader_(*stream_) {}

  io::Task<Result<void>> send(std::string bytes) { co_return co_await write_all(*stream_, bytes); }
  [[nodiscard]] io::Stream& stream() { return *stream_; }
  [[nodiscard]] MessageReader& reader() { return reader_; }

 private:
  std::unique_ptr<io::Stream> stream_;
  MessageReader reader_;
};

SimEngine::SimEngine(io::Loop& loop, io::Network& network, const io::Address& at, Random& random,
                     Trace& trace, const EngineOptions& options)
    : loop_(loop), random_(random), trace_(trace), options_(options), tasks_(loop) {
  Result<std::unique_ptr<io::Listener>> listener = network.listen(at, false);
  TDN_ASSERT(listener.has_value());
  listener_ = std::move(*listener);
}

SimEngine::~SimEngine() = default;

void SimEngine::start() { tasks_.spawn(accept_loop()); }

void SimEngine::stop() {
  listener_->close();
  tasks_.cancel();
}

Duration SimEngine::about(Duration mean) {
  return Duration(random_.below(static_cast<std::uint64_t>(2 * mean.count()) + 1));
}

io::Task<> SimEngine::accept_loop() {
  while (true) {
    Result<std::unique_ptr<io::Stream>> stream = co_await listener_->accept();
    if (!stream) {
      co_return;
    }
    tasks_.spawn(serve(std::move(*stream)));
  }
}

io::Task<> SimEngine::serve(std::unique_ptr<io::Stream> stream) {
  Connection connection(std::move(stream));
  while (true) {
    const Result<bool> again = co_await serve_one(connection);
    if (!again) {
      connection.stream().abort();
      co_return;
    }
    if (!*again) {
      co_return;
    }
  }
}

// False: the connection is done with; an error: it is to be reset.
io::Task<Result<bool>> SimEngine::serve_one(Connection& connection) {
  io::Context& context = co_await io::this_context();
  codec::RequestParser parser;
  {
    const Duration patience =
        Duration(random_.below(static_cast<std::uint64_t>(options_.idle.count())));
    const io::DeadlineScope scope(context, loop_.now() + 1ms + patience);
    const Result<bool> more = co_await connection.reader().read_head(parser);
    if (!more && more.error().code() == Code::kTimeout) {
      co_return false;
    }
    TDN_CO_TRY(const bool arrived, more);
    if (!arrived) {
      co_return false;
    }
  }
  const bool is_get = parser.head().method() == "GET";
  const std::string request_id(parser.head().find("x-request-id").value_or(""));
  codec::BodyDecoder decoder(parser.head().framing(), Code::kInvalidRequest);
  TDN_CO_TRY(const std::string body, co_await connection.reader().read_body(decoder));
  if (is_get) {
    TDN_CO_TRY_VOID(co_await connection.send(whole_answer(200, "", kModels)));
    co_return true;
  }
  TDN_CO_TRY(Work work, understand(body, request_id));
  co_return co_await answer(connection, std::move(work));
}

Result<SimEngine::Work> SimEngine::understand(std::string_view body, std::string_view request_id) {
  TDN_TRY(const codec::RequestScan scan,
          codec::scan_request(body, codec::Operation::kChatCompletions));
  Work work;
  work.mark = scan.has_user ? std::string(scan.user_at.of(body)) : "";
  std::erase(work.mark, '"');
  work.streamed = scan.stream;
  work.include_usage = scan.include_usage;
  work.continuous_usage = scan.continuous_usage;
  work.until_close = random_.below(6) == 0;
  work.tokens = 1 + random_.below(options_.most_tokens);
  if (scan.max_tokens && *scan.max_tokens <= work.tokens) {
    work.tokens = *scan.max_tokens;
    work.finish = "length";
  }
  work.attempt = &attempts_[work.mark].emplace_back();
  marks_.push_back(work.mark);
  work.attempt->request_id = request_id;
  work.attempt->started = loop_.now();
  work.attempt->fault = draw_fault(work.streamed);
  work.attempt->prompt_tokens = 3 + body.size() / 4;
  work.attempt->cached_tokens = random_.below(work.attempt->prompt_tokens + 1);
  trace_.note("engine", static_cast<std::uint64_t>(work.attempt->fault), work.tokens, work.mark);
  return work;
}

EngineFault SimEngine::draw_fault(bool streamed) {
  if (random_.below(100) >= options_.fault_percent) {
    return EngineFault::kNone;
  }
  const auto fault = static_cast<EngineFault>(1 + random_.below(kEngineFaults - 1));
  return streamed ? fault : without_stream(fault);
}

io::Task<Result<bool>> SimEngine::answer(Connection& connection, Work work) {
  co_await io::sleep_for(about(options_.first_token));
  switch (work.attempt->fault) {
    case EngineFault::kStatus500:
      TDN_CO_TRY_VOID(co_await connection.send(
          whole_answer(500, "", R"({"error":{"message":"engine fault","code":500}})")));
      co_return true;
    case EngineFault::kStatus503:
      TDN_CO_TRY_VOID(co_await connection.send(whole_answer(
          503, "retry-after: 1\r\n", R"({"error":{"message":"queue is full","code":503}})")));
      co_return true;
    case EngineFault::kDiesBeforeHead:
      co_return fail(Code::kClosed, "dies");
    case EngineFault::kGarbage:
      TDN_CO_TRY_VOID(co_await connection.send("HTTP/9.9 banana\r\n\r\n"));
      co_return false;
    case EngineFault::kSilence:
      co_await wait_for_the_end(connection.stream());
      co_return fail(Code::kClosed, "gives up");
    default:
      break;
  }
  if (work.streamed) {
    co_return co_await stream_answer(connection, std::move(work));
  }
  co_return co_await answer_whole(connection, std::move(work));
}

// One token after the other, for as long as somebody listens.
io::Task<Result<void>> SimEngine::generate(Connection& connection, Work work,
                                           std::uint64_t tokens) {
  for (std::uint64_t i = 0; i < tokens; ++i) {
    TDN_CO_TRY_VOID(to_result(co_await io::sleep_for(about(options_.token)), "generating"));
    if (left(connection.stream())) {
      co_return fail(Code::kClosed, "nobody listens");
    }
    EngineAttempt& attempt = *work.attempt;
    const std::string piece = fmt::format("{}.{} ", work.mark, attempt.completion_tokens);
    ++attempt.completion_tokens;
    attempt.text += piece;
    if (work.streamed) {
      const std::string delta = fmt::format(R"({{"content":"{}"}})", piece);
      TDN_CO_TRY_VOID(co_await connection.send(work.framed(work.event(delta, "null"))));
    }
  }
  co_return Result<void>{};
}

io::Task<Result<bool>> SimEngine::answer_whole(Connection& connection, Work work) {
  TDN_CO_TRY_VOID(co_await generate(connection, work, work.tokens));
  EngineAttempt& attempt = *work.attempt;
  attempt.finished = true;
  attempt.told_usage = attempt.fault != EngineFault::kNoUsage;
  const std::string usage = attempt.told_usage ? ",\"usage\":" + work.usage() : "";
  const std::string answer = whole_answer(
      200, "",
      fmt::format(
          R"({{"id":"{}","object":"chat.completion","created":1,"model":"smollm2","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},"finish_reason":"{}"}}]{}}})",
          work.mark, attempt.text, work.finish, usage));
  attempt.answering = true;
  if (attempt.fault == EngineFault::kDiesInStream || attempt.fault == EngineFault::kEndsInStream) {
    attempt.finished = false;
    TDN_CO_TRY_VOID(co_await connection.send(answer.substr(0, answer.size() - 20)));
    if (attempt.fault == EngineFault::kEndsInStream) {
      co_return false;
    }
    co_return fail(Code::kClosed, "dies");
  }
  TDN_CO_TRY_VOID(co_await connection.send(answer));
  co_return true;
}

io::Task<Result<bool>> SimEngine::stream_answer(Connection& connection, Work work) {
  EngineAttempt& attempt = *work.attempt;
  attempt.answering = true;
  const std::string_view framing =
      work.until_close ? "connection: close\r\n\r\n" : "transfer-encoding: chunked\r\n\r\n";
  TDN_CO_TRY_VOID(co_await connection.send(fmt::format("{}{}", kStreamHead, framing)));
  const std::string first = work.event(R"({"role":"assistant","content":""})", "null");
  TDN_CO_TRY_VOID(co_await connection.send(work.framed(first)));
  const bool whole = is_whole(attempt.fault) || attempt.fault == EngineFault::kDiesAfterFinish;
  const std::uint64_t tokens = whole ? work.tokens : random_.below(work.tokens);
  TDN_CO_TRY_VOID(co_await generate(connection, work, tokens));
  if (whole) {
    TDN_CO_TRY_VOID(co_await stream_end(connection, work));
    co_return !work.until_close;
  }
  switch (attempt.fault) {
    case EngineFault::kErrorThenDone:
      TDN_CO_TRY_VOID(co_await connection.send(work.framed(kErrorEvent)));
      TDN_CO_TRY_VOID(
          co_await connection.send(work.framed(kDone) + std::string(work.last_chunk())));
      co_return !work.until_close;
    case EngineFault::kStallsInStream:
      co_await wait_for_the_end(connection.stream());
      co_return fail(Code::kClosed, "gives up");
    case EngineFault::kEndsInStream:
      co_return false;
    default:
      co_return fail(Code::kClosed, "dies");
  }
}

// Finish, usage and [DONE], each for itself or all in one write.
io::Task<Result<void>> SimEngine::stream_end(Connection& connection, Work work) {
  EngineAttempt& attempt = *work.attempt;
  attempt.finished = true;
  std::string pending = work.framed(work.event("{}", fmt::format("\"{}\"", work.finish)));
  const bool together = random_.below(2) == 0 && attempt.fault != EngineFault::kLateUsage;
  if (!together) {
    TDN_CO_TRY_VOID(co_await connection.send(std::move(pending)));
    pending.clear();
    co_await io::sleep_for(about(options_.token));
  }
  if (attempt.fault == EngineFault::kDiesAfterFinish) {
    TDN_CO_TRY_VOID(co_await connection.send(std::move(pending)));
    co_return fail(Code::kClosed, "dies");
  }
  if (attempt.fault == EngineFault::kLateUsage) {
    co_await io::sleep_for(1500ms + about(1500ms));
  }
  if (work.include_usage && attempt.fault != EngineFault::kNoUsage) {
    attempt.told_usage = true;
    pending += work.framed(fmt::format(
        "data: {{\"id\":\"{}\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
        "\"choices\":[],\"usage\":{}}}\n\n",
        work.mark, work.usage()));
  }
  if (!together) {
    TDN_CO_TRY_VOID(co_await connection.send(std::move(pending)));
    pending.clear();
  }
  if (attempt.fault != EngineFault::kNoDone) {
    pending += work.framed(kDone);
  }
  pending += work.last_chunk();
  co_return co_await connection.send(std::move(pending));
}

}  // namespace tdn::sim
