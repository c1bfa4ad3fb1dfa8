// What goes into the head of an answer, and answers of our own.
#include "codec/error_body.h"
#include "codec/field_lines.h"
#include "gateway/gateway.h"
#include "gateway/headers.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

void add_common(const Request& request, codec::FieldLines& lines) {
  lines.add("x-request-id", request.id_view());
  if (!request.client_reference.empty()) {
    lines.add("x-client-request-id", request.client_reference);
  }
}

void add_limits(const Request& request, Instant now, codec::FieldLines& lines) {
  const quota::LimitState state = request.reservation.state(now);
  ShortText text;
  if (state.requests) {
    lines.add("x-ratelimit-limit-requests", static_cast<std::uint64_t>(state.requests->limit))
        .add("x-ratelimit-remaining-requests",
             static_cast<std::uint64_t>(state.requests->remaining))
        .add("x-ratelimit-reset-requests", limit_duration(text, state.requests->reset));
  }
  if (state.tokens) {
    lines.add("x-ratelimit-limit-tokens", static_cast<std::uint64_t>(state.tokens->limit))
        .add("x-ratelimit-remaining-tokens", static_cast<std::uint64_t>(state.tokens->remaining))
        .add("x-ratelimit-reset-tokens", limit_duration(text, state.tokens->reset));
  }
}

}  // namespace

Result<void> Gateway::begin_answer(Request& request, const Leg& leg,
                                   const codec::ResponseHead& head,
                                   std::optional<std::uint64_t> length) {
  const Instant now = loop_.clock().now();
  codec::FieldLines& lines = lines_;
  lines.clear();
  for (std::size_t i = 0; i < head.size(); ++i) {
    const codec::Field field = head[i];
    if (is_passed_on(field.name)) {
      lines.add(field);
    }
  }
  add_common(request, lines);
  if (leg.simulated) {
    lines.add("tdn-simulated", "true");
  }
  ShortText text;
  if (request.hop) {
    to_chars(request.snapshot()[leg.endpoint].uid, std::span(text).first<36>());
    lines.add("tdn-served", std::string_view(text.data(), 36));
  } else {
    lines.add("tdn-route", request.catalogue->route_text(leg.endpoint), leg.reason);
    add_limits(request, now, lines);
    lines.add("server-timing",
              server_timing(text, request.dispatched - request.arrived, now - request.dispatched));
  }
  if (leg.under_way != nullptr) {
    leg.under_way->prefilled();
  }
  request.told.status = static_cast<std::uint16_t>(head.status());
  request.answered = true;
  request.first_byte = request.last_token = loop_.now();
  metrics_.first_byte.observe(now - request.arrived);
  return request.client.begin(head.status(), lines, length);
}

io::Task<> Gateway::answer_error(Request& request, const Error& error) {
  const CodeInfo& row = info(error.code());
  if (row.status == 0 && error.code() != Code::kInternalError) {
    request.client.abort();  // kCancelled, kClosed: nobody is there
    co_return;
  }
  metrics_.refused[static_cast<std::size_t>(error.code())].add();
  codec::FieldLines& lines = lines_;
  lines.clear();
  lines.add("content-type", "application/json");
  add_common(request, lines);
  if (error.code() == Code::kMethodNotAllowed) {
    lines.add("allow", request.target == Target::kGenerate || request.target == Target::kExplain
                           ? "POST"
                           : "GET, HEAD");
  }
  if (row.retry_after) {
    lines.add("retry-after", request.retry_after_s);
  }
  if (!row.should_retry) {
    lines.add("x-should-retry", "false");
  }
  if (request.from_peer) {
    lines.add("tdn-refused", row.name);
  } else if (request.key != nullptr) {
    add_limits(request, loop_.clock().now(), lines);
  }
  const std::string body = codec::openai_error_body(error);
  const io::Slice slice(body);
  Result<void> sent = request.client.begin(row.status, lines, body.size());
  if (sent) {
    sent = co_await request.client.end(std::span(&slice, 1));
  }
  if (!sent) {
    request.client.abort();
  }
}

}  // namespace tdn::gateway
