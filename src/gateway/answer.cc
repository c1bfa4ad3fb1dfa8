// What goes into the head of an answer, and answers of our own.
#include <algorithm>
#include <array>

#include "codec/error_body.h"
#include "gateway/gateway.h"
#include "gateway/headers.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

// Of an engine's head not passed on: what belongs to its connection or its message's framing, what
// we say ourselves, and what an engine has no business telling our clients.
constexpr std::array<std::string_view, 17> kDropped{"connection",
                                                    "keep-alive",
                                                    "proxy-authenticate",
                                                    "proxy-connection",
                                                    "te",
                                                    "trailer",
                                                    "transfer-encoding",
                                                    "upgrade",
                                                    "content-length",
                                                    "server",
                                                    "x-request-id",
                                                    "x-client-request-id",
                                                    "server-timing",
                                                    "set-cookie",
                                                    "tdn-route",
                                                    "retry-after",
                                                    "alt-svc"};

bool is_passed_on(std::string_view name) {
  if (name.size() >= 11 && codec::equals_ignoring_case(name.substr(0, 11), "x-ratelimit")) {
    return false;
  }
  if (name.size() >= 15 && codec::equals_ignoring_case(name.substr(0, 15), "access-control-")) {
    return false;
  }
  return std::none_of(kDropped.begin(), kDropped.end(), [&](std::string_view dropped) {
    return codec::equals_ignoring_case(name, dropped);
  });
}

void add_common(const Request& request, HeaderList& headers) {
  headers.add("x-request-id", request.id_view());
  if (!request.client_reference.empty()) {
    headers.add("x-client-request-id", request.client_reference);
  }
}

void add_limits(const Request& request, Instant now, HeaderList& headers) {
  const quota::LimitState state = request.reservation.state(now);
  if (state.requests) {
    headers.add("x-ratelimit-limit-requests", static_cast<std::uint64_t>(state.requests->limit));
    headers.add("x-ratelimit-remaining-requests",
                static_cast<std::uint64_t>(state.requests->remaining));
    headers.add_copy("x-ratelimit-reset-requests", limit_duration(state.requests->reset));
  }
  if (state.tokens) {
    headers.add("x-ratelimit-limit-tokens", static_cast<std::uint64_t>(state.tokens->limit));
    headers.add("x-ratelimit-remaining-tokens",
                static_cast<std::uint64_t>(state.tokens->remaining));
    headers.add_copy("x-ratelimit-reset-tokens", limit_duration(state.tokens->reset));
  }
}

}  // namespace

Result<void> Gateway::begin_answer(Request& request, const Leg& leg,
                                   const codec::ResponseHead& head,
                                   std::optional<std::uint64_t> length) {
  const Instant now = loop_.clock().now();
  HeaderList headers;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const codec::Field field = head[i];
    if (is_passed_on(field.name)) {
      headers.add(field.name, field.value);
    }
  }
  add_common(request, headers);
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  std::string route = snapshot[endpoint.site].name;
  route.append("/").append(endpoint.name).append("; reason=").append(leg.reason);
  headers.add_copy("tdn-route", route);
  if (leg.simulated) {
    headers.add("tdn-simulated", "true");
  }
  add_limits(request, now, headers);
  headers.add_copy("server-timing",
                   server_timing(request.dispatched - request.arrived, now - request.dispatched));
  request.answered = true;
  request.first_byte = request.last_token = loop_.now();
  metrics_.first_byte.observe(now - request.arrived);
  return request.client.begin(head.status(), headers.fields(), length);
}

io::Task<> Gateway::answer_error(Request& request, const Error& error) {
  const CodeInfo& row = info(error.code());
  if (row.status == 0 && error.code() != Code::kInternalError) {
    request.client.abort();  // kCancelled, kClosed: nobody is there
    co_return;
  }
  metrics_.refused[static_cast<std::size_t>(error.code())].add();
  HeaderList headers;
  add_common(request, headers);
  if (error.code() == Code::kMethodNotAllowed) {
    headers.add("allow", request.target == Target::kGenerate ? "POST" : "GET, HEAD");
  }
  if (row.retry_after) {
    headers.add("retry-after", request.retry_after_s);
  }
  if (!row.should_retry) {
    headers.add("x-should-retry", "false");
  }
  if (request.key != nullptr) {
    add_limits(request, loop_.clock().now(), headers);
  }
  const std::string body = codec::openai_error_body(error);
  http::Answer answer;
  answer.status = row.status;
  answer.fields = headers.fields();
  answer.body = body;
  const Result<void> sent = co_await request.client.respond(answer);
  if (!sent) {
    request.client.abort();
  }
}

}  // namespace tdn::gateway
