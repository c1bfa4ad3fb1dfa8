#include "gateway/attempt.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/fixed_vector.h"
#include "gateway/catalogue.h"
#include "gateway/engine_kind.h"
#include "gateway/leg.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

// Room for a usual head; a larger one, with a long credential, gets its own memory.
constexpr std::size_t kHeadRoom = 1024;
// What is the request's own: path, accept, ids, length.
constexpr std::size_t kVariableRoom = 512;

// Our own engine reuses prompts between requests of one partition only; one tenant's is its uid.
// So `cached_tokens` never tells a tenant what another one asked.
void write_partition(const Request& request, codec::HeadWriter& head) {
  for (const meter::Owner& owner : owners_of(request)) {
    if (owner.kind == meter::OwnerKind::kTenant) {
      std::array<char, 36> text;
      to_chars(owner.uid, text);
      head.field("tdn-cache-partition", std::string_view(text.data(), text.size()));
    }
  }
}

// The head of the request to the engine. Of the client's fields only those that mean something to
// an engine are passed on: never its key, never hop-by-hop fields.
Result<std::string_view> write_head(const Request& request, const domain::Endpoint& endpoint,
                                    const Catalogue::EngineHead& common, std::size_t body_bytes,
                                    std::span<char> buffer) {
  codec::HeadWriter head(buffer);
  head.raw(common.start).raw(request.path).raw(common.fields);
  head.raw(request.scan.stream ? "accept: text/event-stream\r\nx-request-id: "
                               : "accept: application/json\r\nx-request-id: ");
  head.raw(request.id_view()).raw("\r\n");
  if (!request.trace_parent.empty()) {
    head.field("traceparent", request.trace_parent);
  }
  if (engine_kind(endpoint.kind).ours) {
    write_partition(request, head);
  }
  return head.framing({codec::BodyKind::kLength, body_bytes}).finish();
}

// Writes head and body. What is made for it lies on the stack and is gone before anything waits.
io::MaybeTask<Result<void>> send(const Request& request, http::Exchange& exchange,
                                 const domain::Endpoint& endpoint, const domain::Served& served,
                                 const Catalogue::EngineHead& common) {
  const codec::SplicedBody body =
      splice(request, served, engine_kind(endpoint.kind).continuous_usage);
  std::array<char, kHeadRoom> small;
  std::string large;
  std::span<char> room = small;
  if (const std::size_t size = common.start.size() + common.fields.size() + kVariableRoom;
      size > room.size()) {
    large.resize(size);
    room = large;
  }
  const Result<std::string_view> head = write_head(request, endpoint, common, body.size(), room);
  if (!head) {
    return fail(head.error());
  }
  FixedVector<io::Slice, 17> slices;  // the head, and at most 16 pieces of body
  slices.push_back(io::Slice(*head));
  for (const std::string_view piece : body.pieces()) {
    slices.push_back(io::Slice(piece));
  }
  return exchange.send({slices.begin(), slices.size()});
}

}  // namespace

codec::SplicedBody splice(const Request& request, const domain::Served& served,
                          bool continuous_usage) {
  codec::RequestEdits edits;
  if (request.scan.model != served.as) {
    edits.model = served.as;
  }
  if (request.scan.stream && request.operation != codec::Operation::kEmbeddings) {
    edits.include_usage = true;
    edits.continuous_usage = continuous_usage;
  }
  return codec::splice_request(request.body, request.scan, edits);
}

Verdict judge(const codec::ResponseHead& head, const Leg& leg) {
  const int status = head.status();
  if (status >= 200 && status < 300) {
    return Verdict::kAnswer;
  }
  switch (status) {
    case 400:
    case 413:
    case 422:
      return Verdict::kRefusal;
    case 404:
      return leg.has_others() ? Verdict::kFailed : Verdict::kRefusal;
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

io::Task<Result<http::Exchange>> open_way(http::Upstream& upstream, bool fresh) {
  Result<http::Exchange> exchange = co_await upstream.open(fresh);
  const io::Context& context = co_await io::this_context();
  if (!exchange && exchange.error().code() == Code::kTimeout &&
      context.deadline() > context.loop().now()) {
    co_return fail(Error(Code::kUnavailable, Origin::kUpstream, Retry::kOtherRoute,
                         exchange.error().detail()));
  }
  // What one turn of the loop sends on goes out back to back: the receiver, once awake, finds the
  // next request there. Sent one by one between the work on others, each would wake it anew.
  co_await io::yield();
  co_return exchange;
}

namespace {

// An engine may take long to begin. One that answers no probe meanwhile will not: it hangs.
class EngineWatch final : public http::AnswerWatch {
 public:
  explicit EngineWatch(const route::EndpointState& state) : state_(state) {}
  [[nodiscard]] Result<void> look(bool /*heard*/, Instant /*now*/) override {
    const route::HealthState health = state_.health_state();
    if (health.away && health.probe_failures >= route::kProbeFailures) {
      return fail(Code::kUnavailable, "the engine answers neither this request nor its probes");
    }
    return {};
  }

 private:
  const route::EndpointState& state_;
};

}  // namespace

io::Task<Result<http::Exchange>> dispatch(Request& request, const Leg& leg,
                                          http::Upstream& upstream,
                                          const Catalogue::EngineHead& common,
                                          const codec::ResponseHead** head) {
  const domain::Endpoint& endpoint = request.snapshot()[leg.endpoint];
  const domain::Served& served = *endpoint.served(request.model);
  const io::DeadlineScope budget(co_await io::this_context(), leg.head_by);
  for (bool fresh = false;; fresh = true) {
    TDN_CO_TRY(http::Exchange exchange, co_await open_way(upstream, fresh));
    Result<void> sent = co_await send(request, exchange, endpoint, served, common);
    EngineWatch watch(request.catalogue->table().state(leg.endpoint));
    Result<const codec::ResponseHead*> answer =
        sent ? co_await exchange.read_head(false, &watch)
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
