#include "sim/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/http1.h"
#include "codec/sse.h"
#include "io/event.h"
#include "io/loop.h"
#include "sim/detail/message_reader.h"
#include "sim/engine.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

// What stands behind `name` up to the next quote, comma or brace. Our engines put neither quotes
// nor escapes into their text, so the client needs no parser, least of all the one under test.
std::optional<std::string_view> value_of(std::string_view json, std::string_view name) {
  const std::size_t at = json.find(name);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view rest = json.substr(at + name.size());
  return rest.substr(0, rest.find_first_of("\",}"));
}

std::uint64_t number_of(std::string_view json, std::string_view name) {
  const std::string_view digits = value_of(json, name).value_or("0");
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

void take_usage(Told& told, std::string_view json) {
  if (json.find(R"("usage":{)") == std::string_view::npos) {
    return;
  }
  told.usage = true;
  told.prompt_tokens = number_of(json, R"("prompt_tokens":)");
  told.completion_tokens = number_of(json, R"("completion_tokens":)");
  if (told.streamed && !told.asked_usage) {
    told.complaint = "usage in a stream that did not ask for it";
  }
}

void take_event(Told& told, std::string_view data) {
  if (told.done) {
    told.complaint = "an event after [DONE]";
  }
  if (data == "[DONE]") {
    told.done = true;
    if (told.error || !told.finish) {
      told.complaint = "[DONE] after an answer that did not end well";
    }
    return;
  }
  if (data.find(R"("error":{)") != std::string_view::npos) {
    told.error = true;
    return;
  }
  if (const auto content = value_of(data, R"("content":")")) {
    if (told.finish && !content->empty()) {
      told.complaint = "text after the finish";
    }
    told.text += *content;
  }
  told.finish |= data.find(R"("finish_reason":")") != std::string_view::npos;
  take_usage(told, data);
}

}  // namespace

struct SimClient::Connection {
  explicit Connection(std::unique_ptr<io::Stream> its_stream)
      : stream(std::move(its_stream)), reader(*stream) {}
  std::unique_ptr<io::Stream> stream;
  MessageReader reader;
  bool keep = false;  // may carry another request
};

SimClient::SimClient(io::Loop& loop, io::Network& network, const io::Address& gateway,
                     std::string name, Random& random, Trace& trace, const ClientOptions& options)
    : loop_(loop),
      network_(network),
      gateway_(gateway),
      name_(std::move(name)),
      random_(random),
      trace_(trace),
      options_(options),
      slow_(random.below(8) == 0),
      tasks_(loop) {}

SimClient::~SimClient() = default;

Duration SimClient::about(Duration mean) {
  return Duration(random_.below(static_cast<std::uint64_t>(2 * mean.count()) + 1));
}

std::uint64_t SimClient::finishes() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(told_, &Told::finish));
}

io::Task<> SimClient::run() {
  io::Context& context = co_await io::this_context();
  const std::uint64_t requests = 1 + random_.below(options_.most_requests);
  for (std::uint64_t i = 0; i < requests && !context.cancelled(); ++i) {
    co_await io::sleep_for(about(options_.think));
    Told& told = told_.emplace_back(plan());
    told.started = loop_.now();
    const bool leaves = random_.below(100) < options_.leave_percent;
    context.set_deadline(loop_.now() + (leaves ? about(40ms) : options_.patience));
    const Result<void> outcome = co_await ask(told);
    context.set_deadline(kNever);
    if (!outcome && connection_ != nullptr) {
      told.left = outcome.error().code() == Code::kTimeout;
      random_.below(2) == 0 ? connection_->stream->abort() : connection_->stream->close();
      connection_.reset();
    }
    trace_.note("told", static_cast<std::uint64_t>(told.status), told.finish ? 1 : 0, told.mark);
  }
  connection_.reset();
}

Told SimClient::plan() {
  Told told;
  told.mark = fmt::format("{}-{}", name_, told_.size());
  if (random_.below(100) < options_.wrong_percent) {
    told.wrong = static_cast<Wrong>(1 + random_.below(3));
  }
  told.streamed = random_.below(3) != 0;
  told.asked_usage = told.streamed && random_.below(2) == 0;
  return told;
}

std::string SimClient::request(const Told& told) {
  const std::uint64_t most = random_.below(50) == 0 ? 60'000 : 600;
  std::string body = fmt::format(
      R"({{"model":"{}","messages":[{{"role":"user","content":"{}"}}],"user":"{}","stream":{})",
      told.wrong == Wrong::kModel ? "nosuch" : kSimModel, std::string(random_.below(most), 'q'),
      told.mark, told.streamed);
  if (told.asked_usage) {
    body += R"(,"stream_options":{"include_usage":true})";
  }
  if (random_.below(3) == 0) {
    body += fmt::format(R"(,"max_tokens":{})", 1 + random_.below(20));
  }
  body += told.wrong == Wrong::kBody ? "]" : "}";
  return fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n"
      "content-type: application/json\r\n{}content-length: {}\r\n\r\n{}",
      told.wrong == Wrong::kKey ? "sk-tdn-wrong" : options_.key,
      options_.location.empty() ? "" : "tdn-client-location: " + options_.location + "\r\n",
      body.size(), body);
}

// An error: the connection is of no more use.
io::Task<Result<void>> SimClient::ask(Told& told) {
  if (connection_ != nullptr &&
      (connection_->stream->peer_finished() || connection_->stream->peer_gone())) {
    connection_.reset();
  }
  if (connection_ == nullptr) {
    TDN_CO_TRY(auto stream, co_await network_.connect(gateway_));
    connection_ = std::make_unique<Connection>(std::move(stream));
  }
  const std::string bytes = request(told);
  TDN_CO_TRY_VOID(co_await write_all(*connection_->stream, bytes));
  TDN_CO_TRY_VOID(co_await read_answer(told));
  if (!connection_->keep) {
    connection_.reset();
  }
  co_return Result<void>{};
}

io::Task<Result<void>> SimClient::read_answer(Told& told) {
  codec::ResponseParser parser;
  TDN_CO_TRY(const bool answered, co_await connection_->reader.read_head(parser));
  if (!answered) {
    co_return fail(Code::kClosed, "no answer");
  }
  told.status = parser.head().status();
  told.request_id = parser.head().find("x-request-id").value_or("");
  connection_->keep = parser.head().keep_alive();
  codec::BodyDecoder decoder(parser.head().framing(), Code::kUpstreamError);
  if (told.streamed && told.status == 200) {
    co_return co_await read_stream(told, decoder);
  }
  TDN_CO_TRY(const std::string body, co_await connection_->reader.read_body(decoder));
  if (told.status == 200) {
    told.finish = true;
    told.text = value_of(body, R"("content":")").value_or("");
    take_usage(told, body);
  }
  co_return Result<void>{};
}

io::Task<Result<void>> SimClient::read_stream(Told& told, codec::BodyDecoder decoder) {
  codec::SseParser parser;
  while (true) {
    TDN_CO_TRY(const std::optional<std::string> piece,
               co_await connection_->reader.read_piece(decoder));
    if (!piece) {
      break;
    }
    parser.push(*piece);
    while (true) {
      TDN_CO_TRY(const std::optional<codec::SseEvent> event, parser.next());
      if (!event) {
        break;
      }
      if (event->has_data) {
        take_event(told, event->data);
      }
    }
    if (slow_) {
      TDN_CO_TRY_VOID(to_result(co_await io::sleep_for(about(10ms)), "reading slowly"));
    }
  }
  if (!told.finish && !told.error) {
    told.complaint = "a stream that ended orderly with neither a finish nor an error";
  }
  co_return Result<void>{};
}

}  // namespace tdn::sim
