#include "agent/control_client.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "codec/hex.h"
#include "codec/http1.h"
#include "codec/json_reader.h"
#include "protocol/sync.h"

namespace tdn::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostRefusal = std::size_t{64} << 10U;
constexpr int kStatusOk = 200;

http::ClientLimits limits_to_control() {
  http::ClientLimits limits;
  limits.connections = 8;
  limits.idle_connections = 4;
  limits.connect = 2s;
  limits.first_byte = 10s;
  limits.between_bytes = 15s;  // three signs of life missed
  return limits;
}

// The message of an error body, after a colon; nothing if there is none.
std::string said(std::string_view body) {
  std::string message;
  codec::JsonReader json(body);
  if (!json.enter_object()) {
    return message;
  }
  while (const auto key = json.next_key()) {
    if (!json.named(*key, "error") || json.peek() != codec::JsonReader::Type::kObject ||
        !json.enter_object()) {
      json.skip();
      continue;
    }
    while (const auto member = json.next_key()) {
      if (json.named(*member, "message") && json.peek() == codec::JsonReader::Type::kString) {
        message = ": " + codec::json_unescape(json.string());
      } else {
        json.skip();
      }
    }
  }
  return json.finish() ? message : std::string();
}

}  // namespace

ControlClient::ControlClient(io::Loop& loop, io::PeerLink& link, std::string authority,
                             std::string site, const Secret& secret)
    : limits_(limits_to_control()),
      authority_(std::move(authority)),
      site_(std::move(site)),
      authorization_("Bearer " + secret.reveal()),
      upstream_(loop, link, std::string(io::kControlPeer), limits_) {}

io::Task<Result<ControlClient::Opened>> ControlClient::send(std::string_view method,
                                                            std::string target, std::string body) {
  std::string head(std::size_t{4} << 10U, '\0');
  codec::HeadWriter writer(head);
  writer.request(method, target).field("host", authority_);
  writer.field("authorization", authorization_.reveal());
  writer.field("tdn-site", site_);
  writer.field("tdn-protocol", std::uint64_t{protocol::kProtocol});
  if (method == "POST") {
    writer.field("content-type", "application/json");
    writer.field("content-length", std::uint64_t{body.size()});
  }
  TDN_CO_TRY(const std::string_view written, writer.finish());
  const std::array<io::Slice, 2> slices{io::Slice(written), io::Slice(body)};
  for (const bool fresh : {false, true}) {
    TDN_CO_TRY(http::Exchange exchange, co_await upstream_.open(fresh));
    Result<void> sent = co_await exchange.send(slices);
    if (sent) {
      const Result<const codec::ResponseHead*> answer = co_await exchange.read_head();
      if (answer) {
        const int status = (*answer)->status();
        co_return Opened{std::move(exchange), status};
      }
      sent = fail(answer.error());
    }
    // A pooled connection that turned out dead: every request here may be sent twice.
    if (fresh || sent.error().retry() != Retry::kSameRoute) {
      co_return fail(sent.error());
    }
  }
  co_return fail(Code::kUnavailable, "control cannot be reached");
}

io::Task<Result<std::string>> ControlClient::read_all(http::Exchange& exchange, std::size_t most) {
  std::string body;
  while (true) {
    TDN_CO_TRY(const http::Exchange::Piece piece, co_await exchange.read_body());
    if (!piece) {
      co_return body;
    }
    if (body.size() + piece->size() > most) {
      co_return fail(Code::kUpstreamError,
                     fmt::format("control's answer is longer than {} bytes", most));
    }
    body.append(*piece);
  }
}

Error ControlClient::refused(std::string_view what, const Reply& reply) {
  return {Code::kUnavailable,
          fmt::format("control answered {} to {}{}", reply.status, what, said(reply.body))};
}

io::Task<Result<ControlClient::Reply>> ControlClient::sync(std::string body) {
  TDN_CO_TRY(Opened opened, co_await send("POST", "/edge/v1/sync", std::move(body)));
  Reply reply;
  reply.status = opened.status;
  TDN_CO_TRY(reply.body, co_await read_all(opened.exchange, protocol::kMostSyncBytes));
  co_return reply;
}

io::Task<Result<std::string>> ControlClient::section(const protocol::SectionRef& ref) {
  std::string target = "/edge/v1/sections/" + codec::to_hex(ref.sha256);
  TDN_CO_TRY(Opened opened, co_await send("GET", std::move(target), {}));
  const bool found = opened.status == kStatusOk;
  const std::size_t most = found ? static_cast<std::size_t>(ref.bytes) : kMostRefusal;
  Result<std::string> body = co_await read_all(opened.exchange, most);
  if (!body) {
    co_return fail(body.error().with(fmt::format("section `{}` from control", ref.name)));
  }
  if (!found) {
    co_return fail(
        refused(fmt::format("section `{}`", ref.name), Reply{opened.status, *std::move(body)}));
  }
  co_return *std::move(body);
}

io::Task<Result<http::Exchange>> ControlClient::watch() {
  TDN_CO_TRY(Opened opened, co_await send("GET", "/edge/v1/watch", {}));
  if (opened.status != kStatusOk) {
    Reply reply{opened.status, {}};
    TDN_CO_TRY(reply.body, co_await read_all(opened.exchange, kMostRefusal));
    co_return fail(refused("watch", reply));
  }
  opened.exchange.expect_stream();
  co_return std::move(opened.exchange);
}

}  // namespace tdn::agent
