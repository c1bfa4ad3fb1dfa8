// Attempts at endpoints of other sites: the request goes to that site's edge, which chooses among
// its own endpoints, and what comes back is relayed as from an engine. Here the request is bought,
// there it is sold.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/fail_point.h"
#include "base/fixed_vector.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/relay.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

// Path, accept, ids, the token, a location: all bounded.
constexpr std::size_t kHeadRoom = 2048;
// How long a site is left alone that said it had no room, or that does not take our tokens.
constexpr Duration kPeerPause = 1s;

protocol::RouteToken token_of(const Request& request, const Leg& leg, std::size_t body_bytes) {
  const domain::Snapshot& snapshot = request.snapshot();
  protocol::RouteToken token;
  token.request = request.id;
  token.leg = leg.number;
  for (const meter::Owner& owner : owners_of(request)) {
    token.owners.push_back({static_cast<std::uint64_t>(owner.kind), owner.uid});
  }
  token.model = snapshot[request.model].uid;
  token.path = request.path;
  token.body_length = body_bytes;
  token.token_cap = request.scan.max_tokens.value_or(0);
  token.policy_version = snapshot.policy_version();
  token.hop = 1;
  return token;
}

Result<std::string_view> write_head(const Request& request, const std::string& site,
                                    std::string_view token, std::size_t body_bytes,
                                    std::span<char> room) {
  codec::HeadWriter head(room);
  head.raw("POST ").raw(request.path).raw(" HTTP/1.1\r\n");
  head.field("host", site).field("content-type", "application/json");
  head.field("accept", request.scan.stream ? "text/event-stream" : "application/json");
  head.field("x-request-id", request.id_view()).field(protocol::kRouteTokenField, token);
  if (!request.trace_parent.empty()) {
    head.field("traceparent", request.trace_parent);
  }
  LocationRoom location;
  if (const std::string_view text = write_client_location(request.location, location);
      !text.empty()) {
    head.field("tdn-client-location", text);
  }
  return head.framing({codec::BodyKind::kLength, body_bytes}).finish();
}

// Writes head and body; all that is made for it lies on the stack.
io::MaybeTask<Result<void>> send(const Request& request, const Leg& leg, const Peers& peers,
                                 http::Exchange& exchange) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  const std::string& site = snapshot[endpoint.site].name;
  // The wish for usage in each event is the other edge's to add: it knows which engine it takes.
  const codec::SplicedBody body = splice(request, *endpoint.served(request.model), false);
  protocol::RouteToken token = token_of(request, leg, body.size());
  protocol::TokenRoom token_room;
  const Result<std::string_view> text = peers.sign(token, site, token_room);
  if (!text) {
    return fail(text.error());
  }
  std::array<char, kHeadRoom> room;
  const Result<std::string_view> head = write_head(request, site, *text, body.size(), room);
  if (!head) {
    return fail(head.error());
  }
  FixedVector<io::Slice, 17> slices;
  slices.push_back(io::Slice(*head));
  for (const std::string_view piece : body.pieces()) {
    slices.push_back(io::Slice(piece));
  }
  return exchange.send({slices.begin(), slices.size()});
}

// Legs that are sent again have numbers of their own, above those of all attempts.
constexpr std::uint64_t kSentAgain = 8;

// While another edge has the request and has not answered, it may wait there for its turn, for
// long. It is given up if that edge does not even say that it has it, or if nobody answers there
// any more: the prober, which asks every second while requests wait, knows.
class PeerWatch final : public http::AnswerWatch {
 public:
  PeerWatch(const route::EndpointState& state, Instant sent) : state_(state), sent_(sent) {}
  [[nodiscard]] Result<void> look(bool heard, Instant now) override {
    if (!heard && now >= sent_ + kSignOfLife) {
      return fail(Code::kUnavailable, "the site's edge gave no sign of life");
    }
    const route::HealthState health = state_.health_state();
    if (health.away && health.probe_failures > 0) {
      return fail(Code::kUnavailable, "the site's edge answers no more");
    }
    return {};
  }

 private:
  const route::EndpointState& state_;
  Instant sent_;
};

// A pooled connection that turns out dead unanswered is replaced once. The other edge may have seen
// the first token all the same and died of something else: what it then sold is another leg, so
// that no two records of one leg can come to be.
io::Task<Result<http::Exchange>> dispatch(const Request& request, Leg& leg, const Peers& peers,
                                          http::Upstream& upstream, std::uint64_t again,
                                          const codec::ResponseHead** head) {
  const io::DeadlineScope budget(co_await io::this_context(), leg.head_by);
  for (bool fresh = false;; fresh = true) {
    TDN_CO_TRY(http::Exchange exchange, co_await open_way(upstream, fresh));
    Result<void> sent = co_await send(request, leg, peers, exchange);
    PeerWatch watch(request.catalogue->table().state(leg.endpoint), io::Loop::current().now());
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
    leg.number += again;
  }
}

// What the other edge says of itself in `tdn-refused`, as an error of this request.
Error told_by(std::string_view code, std::string_view site) {
  const auto elsewhere = [](Code shown, std::string detail) {
    return Error(shown, Origin::kUpstream, Retry::kOtherRoute, std::move(detail));
  };
  if (code == info(Code::kOverloaded).name) {
    return elsewhere(Code::kOverloaded,
                     "every permitted engine is busy; retry after the time given");
  }
  if (code == info(Code::kUpstreamTimeout).name) {
    return elsewhere(Code::kUpstreamTimeout,
                     "the engine did not answer in time; retry, or ask for a shorter answer");
  }
  if (code == info(Code::kUpstreamError).name) {
    return elsewhere(Code::kUpstreamError,
                     fmt::format("the engines of site {} failed; send the request again", site));
  }
  return elsewhere(Code::kZoneUnavailable,
                   fmt::format("site {} does not take this request; retry shortly", site));
}

}  // namespace

io::Task<Result<void>> Gateway::forward(Request& request, Leg& leg) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  const domain::Site& site = snapshot[endpoint.site];
  http::Upstream* const upstream = peers_->find(site.name);
  if (upstream == nullptr) {
    co_return fail(
        upstream_error({Code::kUnavailable, "no way to the site's edge is known"}, true));
  }
  std::optional<route::InFlight> under_way = route::InFlight::try_begin(
      request.catalogue->table().state(leg.endpoint), endpoint.concurrency,
      {.tokens = leg.fresh_tokens, .now = loop_.now()});
  if (!under_way) {
    co_return fail(Error(Code::kOverloaded, "this endpoint has as many requests as it takes"));
  }
  leg.under_way = &*under_way;
  // Before another owner works for us, the books must know it.
  const bool foreign = site.owner != snapshot[request.catalogue->here()].owner;
  TDN_CO_TRY_VOID(open_admission(request, leg, foreign));
  io::Context& context = co_await io::this_context();
  if (foreign) {
    if (Result<void> known = co_await admission_durable(request); !known) {
      co_return fail(failure_told(std::move(known).error(), true, context));
    }
  }
  request.dispatched = loop_.now();
  metrics_.forwarded.add();
  const codec::ResponseHead* head = nullptr;
  Result<http::Exchange> exchange =
      co_await dispatch(request, leg, *peers_, *upstream,
                        bug() == PlantedBug::kTokenAcceptedTwice ? 0 : kSentAgain, &head);
  if (!exchange) {
    Error error = why_not_begun(request, leg, std::move(exchange).error());
    co_return fail(note_site_failure(request, leg, std::move(error), context));
  }
  fail_point("gateway.after_head");
  if (!take_served(request, leg, *head)) {
    static_cast<void>(exchange->take_whole_body());  // so that the connection can be used again
    co_return fail(note_refusal(request, leg, *head));
  }
  const Answering answering{*this, request, leg, *exchange, *head};
  Result<void> relayed = co_await relay(answering);
  if (!relayed) {
    co_return fail(note_site_failure(request, leg, std::move(relayed).error(), context));
  }
  if (judge(*head, leg) == Verdict::kAnswer) {
    note_relayed(request, leg);
  }
  co_return relayed;
}

// Who served is the other edge's choice. False: the answer is its own word, not an engine's.
bool Gateway::take_served(Request& request, Leg& leg, const codec::ResponseHead& head) {
  const std::optional<std::string_view> served = head.find("tdn-served");
  const Verdict verdict = judge(head, leg);
  if (!served || (verdict != Verdict::kAnswer && verdict != Verdict::kRefusal)) {
    return false;
  }
  const domain::Snapshot& snapshot = request.snapshot();
  const std::optional<Uid> uid = Uid::parse(*served);
  const std::optional<domain::EndpointIndex> endpoint =
      uid ? snapshot.find_endpoint(*uid) : std::nullopt;
  if (endpoint && snapshot[*endpoint].site == snapshot[leg.endpoint].site) {
    leg.endpoint = *endpoint;
  }
  leg.simulated = head.find("tdn-simulated").has_value();
  return true;
}

// The other edge is well, but does not serve this request.
Error Gateway::note_refusal(Request& request, const Leg& leg, const codec::ResponseHead& head) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::SiteIndex site = snapshot[leg.endpoint].site;
  const std::optional<std::string_view> code = head.find("tdn-refused");
  metrics_.peer_refusals.add();
  if (!code && head.find("tdn-served")) {  // an engine's 404: another site's may know better
    ++request.engines_failed;
    return told_by(info(Code::kUpstreamError).name, snapshot[site].name);
  }
  if (!code) {
    observe_site(request, site, route::Observation::kServerError);
    return {Code::kUpstreamError, Origin::kUpstream, Retry::kOtherRoute,
            fmt::format("what answers for site {} is not an edge of this network",
                        snapshot[site].name)};
  }
  if (*code == info(Code::kUpstreamError).name || *code == info(Code::kUpstreamTimeout).name) {
    ++request.engines_failed;
  }
  const bool trusted = *code != info(Code::kInvalidApiKey).name;
  if (!trusted) {
    log_warning("gateway",
                "another edge does not take our route tokens; are both in touch with control?",
                {{"request", request.id_view()}, {"site", snapshot[site].name}});
  }
  if (head.status() == info(Code::kOverloaded).status || !trusted) {
    request.retry_after_s = retry_after_of(head).value_or(1);
    for (const domain::EndpointIndex index : snapshot[request.model].endpoints) {
      if (snapshot[index].site == site) {
        request.catalogue->table().state(index).pause_until(loop_.now() + kPeerPause);
      }
    }
  }
  return told_by(*code, snapshot[site].name);
}

// What happens to one request on the way to a site says as much of the way to all its endpoints.
void Gateway::observe_site(const Request& request, domain::SiteIndex site,
                           route::Observation observation) {
  const std::vector<domain::Endpoint>& endpoints = request.snapshot().endpoints();
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].site == site) {
      request.catalogue->table().state({i}).observe(observation, loop_.now());
    }
  }
}

Error Gateway::note_site_failure(Request& request, const Leg& leg, Error error,
                                 const io::Context& context) {
  if (const auto observation = failure_seen(error.code()); observation && !context.cancelled()) {
    observe_site(request, request.snapshot()[leg.endpoint].site, *observation);
  }
  return failure_told(std::move(error), true, context);
}

}  // namespace tdn::gateway
