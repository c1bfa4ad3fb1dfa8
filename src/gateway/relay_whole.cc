#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/answer_follower.h"
#include "gateway/gateway.h"
#include "gateway/relay.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

constexpr std::size_t kHeldWhole = std::size_t{1} << 20;
// What is kept of a large body, to find the counts in it. Beyond that the record is an estimate.
constexpr std::size_t kKeptBytes = std::size_t{32} << 20;

// A shorter key protects nothing ("none", "EMPTY": for engines that ask for any), and words of a
// refusal may hold it.
constexpr std::size_t kShortestSecret = 8;

// Of English text, in the vocabularies of today.
constexpr std::uint64_t kBytesPerToken = 4;

class WholeRelay {
 public:
  explicit WholeRelay(const Answering& answering) : a_(answering) {}

  io::Task<Result<void>> run() {
    if (const http::Exchange::Piece whole = a_.exchange.take_whole_body()) {
      body_ = *whole;  // it stays where it is until the exchange ends
    } else {
      io::Context& context = co_await io::this_context();
      const Result<bool> received = co_await receive();
      if (!received) {
        co_return broke_off(received.error(), context);
      }
      if (!*received) {
        a_.gateway.settle(a_.request, a_.leg, meter::End::kClientGone);
        co_return Result<void>{};
      }
    }
    TDN_CO_TRY_VOID(look_for_usage());
    note_times();
    const Result<std::uint64_t> seq = co_await a_.gateway.settle_durably(a_.request, a_.leg);
    if (!seq || !begin(body_.size())) {
      a_.request.client.abort();
      co_return Result<void>{};
    }
    const io::Slice slice(body_.substr(sent_));
    const Result<void> sent = co_await a_.request.client.end(std::span(&slice, 1));
    if (sent) {
      a_.gateway.delivered(*seq);
    }
    co_return Result<void>{};
  }

 private:
  // Collects the body in `pieces_`, passing on what is beyond 1 MiB. False: the client left.
  io::Task<Result<bool>> receive() {
    const io::Context& context = co_await io::this_context();
    Instant stepped = context.loop().now();
    bool begun = false;
    while (true) {
      // White space brings no answer forward: an engine that hangs may keep sending it, as does one
      // that has not begun.
      const Instant stalled = stepped + a_.gateway.patience(a_.leg, begun);
      a_.exchange.set_patience(stalled - context.loop().now());
      TDN_CO_TRY(const http::Exchange::Piece piece, co_await a_.exchange.read_body());
      if (!piece) {
        body_ = pieces_;
        co_return true;
      }
      const bool steps = piece->find_first_not_of(" \t\r\n") != piece->npos;
      pieces_.append(*piece);
      if (pieces_.size() - sent_ > kHeldWhole &&
          !co_await pass_on(pieces_.size() - piece->size())) {
        co_return false;
      }
      if (steps) {  // after what its client took for it: that is no pause of the engine
        begun = true;
        stepped = context.loop().now();
      }
    }
  }

  // Finds the counts. An error that an engine hides behind status 200 is an error.
  Result<void> look_for_usage() {
    if (body_.size() > kKeptBytes) {
      return {};
    }
    const codec::Inspection found = codec::inspect_body(body_);
    if (!found.is_json && !a_.request.answered) {
      return fail(Code::kUpstreamError, "the engine's answer is no JSON object");
    }
    if (found.has_error && !a_.request.answered) {
      return fail(Code::kUpstreamError, "the endpoint reported an error in its answer");
    }
    if (found.usage) {
      a_.leg.report(a_.request, to_usage(*found.usage));
    }
    if (a_.leg.usage.estimated()) {
      a_.leg.usage.estimate_output((codec::generated_bytes(body_) + kBytesPerToken - 1) /
                                   kBytesPerToken);
    }
    a_.leg.finish = found.finish;
    return {};
  }

  // The client's first byte comes after the settlement: the record tells of the engine's.
  void note_times() {
    Request& request = a_.request;
    request.last_token = io::Loop::current().now();
    if (!request.answered) {
      request.first_byte = request.last_token;
    }
  }

  // Begins the answer if that was not done yet.
  Result<void> begin(std::optional<std::uint64_t> length) {
    if (a_.request.answered) {
      return {};
    }
    return a_.gateway.begin_answer(a_.request, a_.leg, a_.head, length);
  }

  io::Task<bool> pass_on(std::size_t until) {
    std::optional<std::uint64_t> length;
    if (a_.head.framing().kind == codec::BodyKind::kLength) {
      length = a_.head.framing().length;
    }
    if (!begin(length)) {
      co_return false;
    }
    const io::Slice slice(pieces_.data() + sent_, until - sent_);
    sent_ = until;
    const Result<void> sent = co_await a_.request.client.write(std::span(&slice, 1));
    co_return sent.has_value();
  }

  Result<void> broke_off(Error error, const io::Context& context) {
    if (context.cancelled() && context.reason() == Code::kClosed) {
      a_.gateway.settle(a_.request, a_.leg, meter::End::kClientGone);
      return {};
    }
    if (a_.request.answered) {
      // Part of the body is out: only breaking the connection tells the client that it is not
      // whole.
      a_.gateway.note_interrupted(a_.request, a_.leg, error.detail());
      a_.gateway.settle(a_.request, a_.leg, meter::End::kUpstreamDied);
      a_.request.client.abort();
      a_.leg.broke = route::Observation::kBroken;
      return {};
    }
    return fail(std::move(error));
  }

  Answering a_;
  std::string pieces_;     // of a body that did not come at once
  std::string_view body_;  // all of it
  std::size_t sent_ = 0;
};

}  // namespace

io::Task<Result<void>> relay_whole(Answering answering) {
  WholeRelay relay(answering);
  co_return co_await relay.run();
}

namespace {

// Whether an engine's words hold the key that it was called with.
bool tells_credential(const Answering& answering, std::string_view words) {
  const std::string_view header = answering.request.catalogue->credential(answering.leg.endpoint);
  const std::string_view key = header.substr(header.find(' ') + 1);
  return key.size() >= kShortestSecret && words.find(key) != words.npos;
}

}  // namespace

io::Task<Result<void>> relay_refusal(Answering answering) {
  std::string body;
  while (true) {
    TDN_CO_TRY(const std::optional<std::string_view> piece,
               co_await answering.exchange.read_body());
    if (!piece) {
      break;
    }
    body.append(*piece);
    if (body.size() > kHeldWhole) {
      co_return fail(Code::kUpstreamError, "the engine's refusal is larger than 1 MiB");
    }
  }
  if (tells_credential(answering, body)) {
    co_return fail(Code::kUpstreamError,
                   fmt::format("the engine refused the request with status {}, in words that are "
                               "not for its client; the operator can see why",
                               answering.head.status()));
  }
  Gateway& gateway = answering.gateway;
  gateway.refuse_admission(answering.request, Code::kInvalidRequest);
  gateway.metrics().passed_errors.add();
  http::ServerConnection& client = answering.request.client;
  Result<void> sent =
      gateway.begin_answer(answering.request, answering.leg, answering.head, body.size());
  if (sent) {
    const io::Slice slice(body);
    sent = co_await client.end(std::span(&slice, 1));
  }
  if (!sent) {
    client.abort();  // nobody is there to hear it
  }
  co_return Result<void>{};
}

io::Task<Result<void>> relay(Answering answering) {
  if (judge(answering.head, answering.leg) == Verdict::kRefusal) {
    return relay_refusal(answering);
  }
  const std::string_view type = answering.head.find("content-type").value_or("");
  answering.leg.streamed = type.starts_with("text/event-stream");
  return answering.leg.streamed ? relay_stream(answering) : relay_whole(answering);
}

}  // namespace tdn::gateway
