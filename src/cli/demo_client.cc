#include "cli/demo_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "codec/json_writer.h"
#include "codec/sse.h"
#include "codec/tree.h"
#include "http/fetch.h"
#include "io/loop.h"

namespace tdn::cli {
namespace {

constexpr Duration kLeftFor = std::chrono::seconds(10);

// A demo's client waits no longer than a person would.
http::ClientLimits client_limits() {
  http::ClientLimits limits;
  limits.connect = std::chrono::seconds(2);
  limits.first_byte = std::chrono::seconds(10);
  limits.between_bytes = std::chrono::seconds(30);
  return limits;
}

std::string body_of(const DemoPrompt& prompt) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object().key("model").string(prompt.model);
  json.key("messages").begin_array().begin_object();
  json.key("role").string("user").key("content").string(prompt.text).end_object().end_array();
  json.key("max_tokens").number(prompt.max_tokens).key("stream").boolean(true);
  json.key("stream_options").begin_object().key("include_usage").boolean(true).end_object();
  json.end_object();
  return body;
}

// "frankfurt/frankfurt-1; reason=nearest".
void read_route(std::string_view route, Sight& sight) {
  constexpr std::string_view kReason = "; reason=";
  sight.site = route.substr(0, route.find('/'));
  const std::size_t at = route.find(kReason);
  sight.reason = at == route.npos ? "" : route.substr(at + kReason.size());
}

// That nothing came of this entry.
Error elsewhere(const Error& error) {
  const Retry retry = error.code() == Code::kCancelled ? Retry::kNo : Retry::kOtherRoute;
  return {error.code(), error.origin(), retry, error.detail()};
}

// That the answer broke off.
Error broken(std::string what) { return {Code::kClosed, std::move(what)}; }

// What the gateway says of itself instead of an answer: its code, and whether another may serve.
Error refusal(int status, std::string_view body) {
  const Result<codec::yaml::Node> answer = codec::yaml::from_json(body);
  std::string code(answer ? codec::yaml::text_at(*answer, "error.code") : "");
  if (code.empty()) {
    code = fmt::format("status {}", status);
  }
  // 421: this site may not open requests of the key's fence, another may.
  const Retry retry = status >= 500 || status == 421 ? Retry::kOtherRoute : Retry::kNo;
  return {Code::kUpstreamError, Origin::kUpstream, retry, std::move(code)};
}

io::Task<std::string> whole_body(http::Exchange& exchange) {
  std::string body;
  while (body.size() < std::size_t{64} << 10) {
    const Result<http::Exchange::Piece> piece = co_await exchange.read_body();
    if (!piece || !*piece) {
      break;
    }
    body.append(**piece);
  }
  co_return body;
}

}  // namespace

DemoClient::DemoClient(io::Loop& loop, io::Network& network, const DemoCity& city,
                       const Secret& key)
    : loop_(loop),
      network_(network),
      city_(city),
      key_(key),
      limits_(client_limits()),
      upstreams_(city.entries.size()),
      left_until_(city.entries.size()) {}

io::Task<Result<http::Upstream*>> DemoClient::upstream(std::size_t entry) {
  std::unique_ptr<http::Upstream>& made = upstreams_[entry];
  if (!made) {
    TDN_CO_TRY(const http::Url url, http::parse_url(city_.entries[entry].url));
    TDN_CO_TRY(const io::Address address, co_await network_.resolve(url.host, url.port));
    made = std::make_unique<http::Upstream>(loop_, network_, address, limits_);
  }
  co_return made.get();
}

io::Task<Sight> DemoClient::ask(DemoPrompt prompt) {
  const std::string body = body_of(prompt);
  const Instant begin = loop_.clock().now();
  Sight sight;
  const auto is_left = [begin](Instant until) { return until > begin; };
  const bool none_is_there = std::ranges::all_of(left_until_, is_left);
  for (std::size_t entry = 0; entry < city_.entries.size(); ++entry) {
    if (is_left(left_until_[entry]) && !none_is_there) {
      continue;
    }
    const Result<void> done = co_await try_entry(entry, body, begin, sight);
    if (done) {
      sight.ending = Ending::kComplete;
      sight.error.clear();
      break;
    }
    const bool refused = done.error().code() == Code::kUpstreamError;
    if (sight.ending != Ending::kCut && !refused) {
      left_until_[entry] = loop_.clock().now() + kLeftFor;  // nobody is there
    }
    sight.error = done.error().detail();
    if (sight.ending == Ending::kCut || done.error().retry() == Retry::kNo) {
      break;
    }
    sight.moved += entry + 1 < city_.entries.size() ? 1 : 0;
  }
  co_return sight;
}

io::Task<Result<void>> DemoClient::try_entry(std::size_t entry, const std::string& body,
                                             Instant begin, Sight& sight) {
  TDN_CO_TRY(http::Upstream* const pool, co_await upstream(entry));
  TDN_CO_TRY(const http::Url url, http::parse_url(city_.entries[entry].url));
  const std::string head = fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n"
      "content-type: application/json\r\naccept: text/event-stream\r\n"
      "tdn-client-location: {}\r\ncontent-length: {}\r\n\r\n",
      url.authority(), key_.reveal(), city_.location, body.size());
  const std::array<io::Slice, 2> slices{io::Slice(head), io::Slice(body)};
  for (bool fresh = false;; fresh = true) {
    Result<http::Exchange> exchange = co_await pool->open(fresh);
    if (!exchange) {
      co_return fail(elsewhere(exchange.error()));
    }
    Result<void> sent = co_await exchange->send(std::span<const io::Slice>(slices));
    const Result<const codec::ResponseHead*> answer =
        sent ? co_await exchange->read_head()
             : Result<const codec::ResponseHead*>(fail(std::move(sent).error()));
    if (!answer) {
      if (!fresh && answer.error().retry() == Retry::kSameRoute) {
        continue;  // the connection had been kept, and was closed meanwhile
      }
      co_return fail(elsewhere(answer.error()));
    }
    sight.request = (*answer)->find("x-request-id").value_or("");
    const int status = (*answer)->status();
    if (status != 200) {
      const std::string text = co_await whole_body(*exchange);
      co_return fail(refusal(status, text));
    }
    sight.ending = Ending::kCut;  // until it has come to its end
    read_route((*answer)->find("tdn-route").value_or(""), sight);
    sight.simulated = (*answer)->find("tdn-simulated").has_value();
    exchange->expect_stream();
    co_return co_await read_stream(*exchange, begin, sight);
  }
}

io::Task<Result<void>> DemoClient::read_stream(http::Exchange& exchange, Instant begin,
                                               Sight& sight) {
  codec::SseParser parser;
  bool finished = false;
  bool done = false;
  while (true) {
    const Result<http::Exchange::Piece> piece = co_await exchange.read_body();
    if (!piece) {
      co_return fail(broken(piece.error().detail()));
    }
    if (!*piece) {
      if (!done || !finished) {
        co_return fail(broken("the stream ended before the answer did"));
      }
      co_return Result<void>();
    }
    parser.push(**piece);
    while (true) {
      TDN_CO_TRY(const std::optional<codec::SseEvent> event, parser.next());
      if (!event) {
        break;
      }
      const codec::Inspection seen = codec::inspect_event(event->data);
      if (seen.has_error) {
        const Result<codec::yaml::Node> answer = codec::yaml::from_json(event->data);
        co_return fail(broken(std::string(answer ? codec::yaml::text_at(*answer, "error.code")
                                                 : "an error in the stream")));
      }
      if (seen.has_content && !sight.first_token) {
        sight.first_token = loop_.clock().now() - begin;
      }
      finished = finished || seen.finish != codec::Finish::kNone;
      sight.usage = seen.usage.value_or(sight.usage);
      done = done || seen.done;
    }
  }
}

}  // namespace tdn::cli
