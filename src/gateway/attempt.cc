#include "gateway/attempt.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "io/loop.h"

namespace tdn::gateway {
namespace {

// The head of the request to the engine. Of the client's fields only those that mean something to
// an engine are passed on: never its key, never hop-by-hop fields.
Result<std::string_view> write_head(const Request& request, const domain::Endpoint& endpoint,
                                    std::string_view credential, std::size_t body_bytes,
                                    std::span<char> buffer) {
  codec::HeadWriter head(buffer);
  const std::string target = endpoint.path + request.path;
  head.request("POST", target);
  head.field("host", endpoint.authority);
  if (!credential.empty()) {
    head.field("authorization", credential);
  }
  head.field("content-type", "application/json");
  head.field("accept", request.scan.stream ? "text/event-stream" : "application/json");
  head.field("x-request-id", request.id_view());
  if (!request.trace_parent.empty()) {
    head.field("traceparent", request.trace_parent);
  }
  return head.framing({codec::BodyKind::kLength, body_bytes}).finish();
}

codec::SplicedBody splice(const Request& request, const domain::Endpoint& endpoint,
                          const domain::Served& served) {
  codec::RequestEdits edits;
  if (request.scan.model != served.as) {
    edits.model = served.as;
  }
  if (request.scan.stream && request.operation != codec::Operation::kEmbeddings) {
    edits.include_usage = true;
    edits.continuous_usage = endpoint.kind == domain::EngineKind::kTdn;
  }
  return codec::splice_request(request.body, request.scan, edits);
}

}  // namespace

Verdict judge(int status) {
  if (status >= 200 && status < 300) {
    return Verdict::kAnswer;
  }
  switch (status) {
    case 400:
    case 404:
    case 413:
    case 422:
      return Verdict::kRefusal;
    case 429:
    case 503:
      return Verdict::kBusy;
    default:
      return Verdict::kFailed;
  }
}

std::optional<std::uint64_t> retry_after_of(const codec::Head& head) {
  const std::optional<std::string_view> text = head.find("retry-after");
  if (!text) {
    return std::nullopt;
  }
  std::uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc{} || end != text->data() + text->size() || seconds == 0) {
    return std::nullopt;
  }
  return std::min<std::uint64_t>(seconds, 3600);
}

io::Task<Result<std::unique_ptr<http::Exchange>>> dispatch(
    Request& request, http::Upstream& upstream, const domain::Endpoint& endpoint,
    const domain::Served& served, std::string_view credential, const codec::ResponseHead** head) {
  const codec::SplicedBody body = splice(request, endpoint, served);
  std::array<char, 2048> buffer;
  TDN_CO_TRY(const std::string_view head_bytes,
             write_head(request, endpoint, credential, body.size(), buffer));
  std::array<io::Slice, 17> slices;
  std::size_t count = 0;
  slices[count++] = io::Slice(head_bytes);
  for (const std::string_view piece : body.pieces()) {
    slices[count++] = io::Slice(piece);
  }
  for (bool fresh = false;; fresh = true) {
    TDN_CO_TRY(std::unique_ptr<http::Exchange> exchange, co_await upstream.open(fresh));
    Result<void> sent = co_await exchange->send(std::span(slices).first(count));
    Result<const codec::ResponseHead*> answer =
        sent ? co_await exchange->read_head()
             : Result<const codec::ResponseHead*>(fail(std::move(sent).error()));
    if (answer) {
      *head = *answer;
      co_return exchange;
    }
    if (fresh || answer.error().retry() != Retry::kSameRoute) {
      co_return fail(std::move(answer).error());
    }
  }
}

}  // namespace tdn::gateway
