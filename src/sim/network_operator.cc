#include "sim/network_operator.h"

#include <fmt/format.h>

#include "codec/json_writer.h"
#include "io/event.h"
#include "io/loop.h"
#include "sim/detail/message_reader.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 8s;
constexpr Duration kPause = 200ms;

}  // namespace

io::Task<> NetworkOperator::run(std::string manifests) {
  io::Context& context = co_await io::this_context();
  std::string body = R"({"sources":[{"name":"network.yaml","text":)";
  codec::append_json_string(body, manifests);
  body += "}]}";
  while (!context.cancelled()) {
    context.set_deadline(context.loop().now() + kPatience);
    const Result<Reply> reply = co_await ask(body);
    context.set_deadline(kNever);
    if (reply && reply->status == 200) {
      ++applied_;
      trace_.note("applied", applied_);
      co_return;
    }
    if (reply && reply->status < 500) {
      refusal_ = reply->body;
      co_return;
    }
    co_await io::sleep_for(kPause);
  }
}

io::Task<Result<NetworkOperator::Reply>> NetworkOperator::ask(std::string body) {
  TDN_CO_TRY(auto stream, co_await network_.connect(control_));
  const std::string request = fmt::format(
      "POST /api/v1/apply HTTP/1.1\r\nhost: control\r\nauthorization: Bearer {}\r\n"
      "connection: close\r\ncontent-length: {}\r\n\r\n{}",
      token_, body.size(), body);
  TDN_CO_TRY_VOID(co_await io::write_all(*stream, request));
  MessageReader reader(*stream);
  codec::ResponseParser parser;
  TDN_CO_TRY(const bool answered, co_await reader.read_head(parser));
  if (!answered) {
    co_return fail(Code::kClosed, "no answer");
  }
  Reply reply;
  reply.status = parser.head().status();
  codec::BodyDecoder decoder(parser.head().framing(), Code::kUpstreamError);
  TDN_CO_TRY(reply.body, co_await reader.read_body(decoder));
  co_return reply;
}

}  // namespace tdn::sim
