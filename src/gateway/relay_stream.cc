#include <string>
#include <utility>

#include "codec/error_body.h"
#include "codec/sse.h"
#include "gateway/answer_follower.h"
#include "gateway/gateway.h"
#include "gateway/relay.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

constexpr Duration kUsagePatience = 2s;
constexpr Duration kFramingPatience = 50ms;
constexpr Duration kGoodbye = 2s;
constexpr std::size_t kHeldLimit = std::size_t{4} << 20;

// How the flow of events ended.
enum class Flow : std::uint8_t {
  kComplete,  // all that is to come has come
  kClientGone,
  kInterrupted,  // the engine, the time limit or this site's stopping cut it; `error` says why
};

class StreamRelay {
 public:
  explicit StreamRelay(const Answering& answering)
      : a_(answering), follower_(wanted(answering.request)) {}

  io::Task<Result<void>> run() {
    const Flow flow = co_await pump();
    if (flow == Flow::kInterrupted && (!a_.request.answered || begins_anew())) {
      co_return fail(*std::move(error_));  // another endpoint may answer
    }
    take_usage();
    a_.leg.finish = follower_.finish();
    switch (flow) {
      case Flow::kComplete:
        co_await finish();
        co_await read_to_end();
        break;
      case Flow::kClientGone:
        co_await read_what_arrived();
        a_.gateway.settle(a_.request, a_.leg, meter::End::kClientGone);
        break;
      case Flow::kInterrupted:
        co_await interrupt();
        break;
    }
    co_return Result<void>{};
  }

 private:
  [[nodiscard]] bool begins_anew() const {
    return a_.gateway.bug() == PlantedBug::kRetryAfterFirstByte;
  }

  // Another edge gets every count there is, so that it bills what we do; it takes out what its
  // client did not ask for.
  static AnswerFollower::Wanted wanted(const Request& request) {
    const codec::RequestScan& scan = request.scan;
    return {scan.answers(), scan.include_usage || request.from_peer,
            scan.continuous_usage || request.from_peer, scan.prompts};
  }

  // Reads events and passes them on until there is no more to come.
  io::Task<Flow> pump() {
    io::Context& context = co_await io::this_context();
    const Instant never = context.deadline();
    io::DeadlineScope usage_deadline(context, never);
    Instant stepped = context.loop().now();  // the answer was last brought forward
    while (true) {
      const Instant stalled = stepped + a_.gateway.patience(a_.leg, follower_.begun());
      a_.exchange.set_patience(stalled - context.loop().now());
      const std::uint64_t steps = follower_.steps();
      Result<std::optional<std::string_view>> piece = co_await a_.exchange.read_body();
      if (!piece) {
        co_return after_failure(std::move(piece).error(), context);
      }
      std::string& out = scratch();
      const Result<bool> more = *piece ? follow(**piece, out) : follow_end(out);
      if (!out.empty()) {
        const Result<void> sent = co_await pass_on(out);
        if (!sent) {
          co_return after_write_failure(sent.error(), context);
        }
      }
      if (!more) {
        co_return after_failure(more.error(), context);
      }
      if (!*more) {
        co_return Flow::kComplete;
      }
      if (follower_.steps() != steps) {
        stepped = context.loop().now();
      }
      if (follower_.finished() && !waiting_for_usage_) {
        waiting_for_usage_ = true;
        usage_deadline.set(context.loop().now() + kUsagePatience);
      }
    }
  }

  // Follows the events of one piece, collecting in `out` what may leave now. False: nothing more is
  // to come. No suspension happens here: the piece lies in the thread's scratch.
  Result<bool> follow(std::string_view piece, std::string& out) {
    parser_.push(piece);
    while (true) {
      TDN_TRY(const std::optional<codec::SseEvent> event, parser_.next());
      if (!event) {
        break;
      }
      TDN_TRY_VOID(take(*event, out));
    }
    take_usage();
    return !follower_.done();
  }

  // The body ended. An engine's own proxy may end it in good order when the engine died, so it
  // takes a finish reason or `[DONE]` to count as complete.
  Result<bool> follow_end(std::string& out) {
    if (const std::optional<codec::SseEvent> last = parser_.finish()) {
      TDN_TRY_VOID(take(*last, out));
    }
    if (!follower_.finished() && !follower_.done()) {
      return fail(Code::kUpstreamError, "the engine's stream ended before its answer did");
    }
    return false;
  }

  Result<void> take(const codec::SseEvent& event, std::string& out) {
    TDN_TRY(const AnswerFollower::Step step, follower_.follow(event));
    a_.gateway.metrics().events.add();
    if (step.drop) {
      return {};
    }
    std::string& into = step.hold ? held_ : out;
    if (into.size() + event.raw.size() > kHeldLimit) {
      return fail(Code::kUpstreamError, "the engine sent more than 4 MiB after its answer's end");
    }
    into.append(step.pieces[0]).append(step.pieces[1]);
    return {};
  }

  void take_usage() {
    if (follower_.has_usage()) {
      a_.leg.report(a_.request, follower_.usage());
    }
    a_.leg.usage.estimate_output(follower_.content_events());
    a_.gateway.checkpoint(a_.request, a_.leg);
  }

  // Sends events to the client.
  io::MaybeTask<Result<void>> pass_on(std::string& out) {
    if (!a_.request.answered) {
      return pass_on_first(out);
    }
    a_.request.last_token = io::Loop::current().now();
    const io::Slice slice(out);
    return a_.request.client.write(std::span(&slice, 1));
  }

  // Before the first event of the answer the admission must be durable.
  io::Task<Result<void>> pass_on_first(std::string& out) {
    Request& request = a_.request;
    early_.append(out);
    if (!follower_.begun()) {
      co_return Result<void>{};  // comments and the like: they commit us to nothing
    }
    TDN_CO_TRY_VOID(co_await begin());
    const io::Slice slice(early_);
    Result<void> sent = co_await request.client.write(std::span(&slice, 1));
    early_ = {};
    if (begins_anew()) {
      co_return sent;
    }
    // No other endpoint will be asked: a stream that lasts minutes need not hold its request.
    request.body = {};
    request.client.release_request();
    co_return sent;
  }

  io::Task<Result<void>> begin() {
    TDN_CO_TRY_VOID(co_await a_.gateway.admission_durable(a_.request));
    co_return a_.gateway.begin_answer(a_.request, a_.leg, a_.head, std::nullopt);
  }

  io::Task<> finish() {
    Request& request = a_.request;
    if (!request.answered) {
      Result<void> begun = co_await begin();
      if (!begun) {
        a_.gateway.settle(request, a_.leg, meter::End::kClientGone);
        co_return;
      }
    }
    const Result<std::uint64_t> seq = co_await a_.gateway.settle_durably(request, a_.leg);
    if (!seq) {
      request.client.abort();
      co_return;
    }
    early_.append(held_);
    held_.clear();
    const io::Slice slice(early_);
    const Result<void> sent = usage_late_ ? co_await request.client.write(std::span(&slice, 1))
                                          : co_await request.client.end(std::span(&slice, 1));
    if (sent) {
      a_.gateway.delivered(*seq);
      if (usage_late_) {
        co_await pass_on_late();
      }
    }
  }

  // The record is settled on an estimate, but the engine may still say its usage and `[DONE]`: they
  // are the client's. Bounded by the deadline that waiting for the books has set.
  io::Task<> pass_on_late() {
    bool more = true;
    while (more && !follower_.done()) {
      const Result<std::optional<std::string_view>> piece = co_await a_.exchange.read_body();
      if (!piece || !*piece) {
        break;
      }
      std::string& out = scratch();  // everything is held by now
      more = follow(**piece, out).value_or(false);
      const io::Slice slice(held_);
      const Result<void> sent = co_await a_.request.client.write(std::span(&slice, 1));
      held_.clear();
      if (!sent) {
        a_.request.client.abort();
        co_return;
      }
    }
    const io::Slice nothing{std::string_view()};
    const Result<void> ended = co_await a_.request.client.end(std::span(&nothing, 1));
    if (!ended) {
      a_.request.client.abort();
    }
  }

  // What follows the end of the answer is only its framing, mostly here already; read, it leaves
  // the connection fit for the next request. The client's next request does not wait for it longer.
  io::Task<> read_to_end() {
    io::Context& context = co_await io::this_context();
    const io::DeadlineScope deadline(context, context.loop().now() + kFramingPatience);
    while (!a_.exchange.complete()) {
      const Result<std::optional<std::string_view>> piece = co_await a_.exchange.read_body();
      if (!piece) {
        break;
      }
    }
  }

  // The client is told in-band; what it got is a true prefix, and no `[DONE]` follows.
  io::Task<> interrupt() {
    a_.gateway.note_interrupted(a_.request, a_.leg, error_->detail());
    a_.gateway.settle(a_.request, a_.leg,
                      timed_out_ ? meter::End::kTimedOut : meter::End::kUpstreamDied);
    io::Context& context = co_await io::this_context();
    context.clear_cancel();
    context.set_deadline(context.loop().now() + kGoodbye);
    a_.request.client.close_after_answer();
    const std::string event = codec::openai_error_event(
        Error(Code::kStreamInterrupted, error_->detail() + "; what came so far is billed"));
    const io::Slice slice(event);
    const Result<void> sent = co_await a_.request.client.end(std::span(&slice, 1));
    if (!sent) {
      a_.request.client.abort();
    }
  }

  Flow after_failure(Error error, io::Context& context) {
    if (follower_.finished() && !(context.cancelled() && context.reason() == Code::kClosed)) {
      usage_late_ = error.code() == Code::kTimeout && !context.cancelled();
      return Flow::kComplete;  // the answer is whole; only its usage or its end is missing
    }
    if (context.cancelled()) {
      if (context.reason() == Code::kClosed) {
        return Flow::kClientGone;
      }
      error_.emplace(Code::kStreamInterrupted, "this site is stopping");
      return Flow::kInterrupted;
    }
    timed_out_ = error.code() == Code::kTimeout;
    // When the request's own time is over, that is not the engine's fault.
    const bool out_of_time = timed_out_ && context.deadline() <= context.loop().now();
    if (a_.request.answered && !out_of_time) {
      a_.leg.broke = broken_by(error.code());
    }
    error_.emplace(a_.gateway.upstream_error(std::move(error), a_.leg.forwarded));
    return Flow::kInterrupted;
  }

  static std::optional<route::Observation> broken_by(Code code) {
    switch (code) {
      case Code::kTimeout:
        return route::Observation::kStalled;
      case Code::kClosed:
        return route::Observation::kBroken;
      case Code::kUpstreamError:
        return route::Observation::kServerError;
      default:
        return std::nullopt;
    }
  }

  Flow after_write_failure(const Error& error, io::Context& context) {
    if (context.cancelled() && context.reason() != Code::kClosed) {
      error_.emplace(Code::kStreamInterrupted, "this site is stopping");
      return Flow::kInterrupted;
    }
    if (error.code() == Code::kTimeout) {
      a_.request.client.abort();  // it takes nothing: as good as gone
    }
    return Flow::kClientGone;
  }

  // The client left: the engine's events that are here already still count.
  io::Task<> read_what_arrived() {
    while (true) {
      const Result<std::optional<std::string_view>> piece = co_await a_.exchange.read_body();
      if (!piece || !*piece) {
        break;
      }
      std::string& out = scratch();
      if (!follow(**piece, out)) {
        break;
      }
    }
    take_usage();
    a_.leg.finish = follower_.finish();
  }

  // Events on their way out; one per thread, for nothing in it survives a suspension.
  static std::string& scratch() {
    thread_local std::string out;
    out.clear();
    return out;
  }

  Answering a_;
  AnswerFollower follower_;
  codec::SseParser parser_;
  std::string early_;  // what came before the answer proper
  std::string held_;
  std::optional<Error> error_;
  bool waiting_for_usage_ = false;
  bool usage_late_ = false;  // it did not come in time
  bool timed_out_ = false;
};

}  // namespace

io::Task<Result<void>> relay_stream(Answering answering) {
  answering.exchange.expect_stream();
  StreamRelay relay(answering);
  co_return co_await relay.run();
}

}  // namespace tdn::gateway
