#include "gateway/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/fail_point.h"
#include "base/log.h"
#include "gateway/client_watch.h"
#include "gateway/headers.h"
#include "gateway/peer_state.h"
#include "gateway/phases.h"
#include "gateway/relay.h"
#include "io/loop.h"

namespace tdn::gateway {

using namespace std::chrono_literals;

namespace {
constexpr Duration kLongestPause = 5s;  // of an endpoint that answered 429 or 503
}  // namespace

Gateway::Gateway(io::Loop& loop, io::Network& network, Random& random, meter::Books& books,
                 const GatewayOptions& options, const Membership* membership)
    : loop_(loop),
      random_(random),
      books_(books),
      options_(options),
      upstreams_(loop, network, options_.upstream),
      logger_(options.log),
      routing_(options.prefixes, logger_) {
  if (membership != nullptr) {
    peers_.emplace(loop, *membership, options_.upstream);
  }
}

void Gateway::publish(std::shared_ptr<const Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  upstreams_.trust(catalogue_->trust());
  upstreams_.tidy(catalogue_->snapshot());
  if (peers_) {
    peers_->tidy(catalogue_->snapshot());
  }
}

void Gateway::publish(std::shared_ptr<const protocol::RouteKeys> keys) {
  if (peers_) {  // a member that does not listen to peers needs none
    peers_->publish(std::move(keys));
  }
}

void Gateway::close_idle() {
  upstreams_.close_idle();
  if (peers_) {
    peers_->close_idle();
  }
}

void Gateway::begin(Request& request) {
  request.arrived = loop_.clock().now();
  request.arrived_wall = loop_.clock().wall();
  request.id = {Uid::make(request.arrived_wall, random_)};
  to_chars(request.id.uid, request.id_text);
}

io::Task<> Gateway::handle(http::ServerConnection& client) {
  Request request(client, catalogue_);
  begin(request);
  if (request.snapshot()[request.catalogue->here()].state == domain::SiteState::kDraining) {
    client.close_after_answer();  // its next request is for another site
  }
  metrics_.in_flight.add(1);
  Result<void> outcome = accept(request);
  if (outcome) {
    outcome = authenticate(request);
  }
  if (outcome) {
    outcome = co_await take(request);
  }
  metrics_.in_flight.add(-1);
  if (!outcome) {
    co_await answer_error(request, outcome.error());
  }
  if (request.target == Target::kGenerate) {
    logger_.ended(request, outcome ? nullptr : &outcome.error(), loop_.now());
  }
  metrics_.duration.observe(loop_.now() - request.arrived);
}

io::Task<Result<void>> Gateway::take(Request& request) {
  switch (request.target) {
    case Target::kGenerate:
      return generate(request);
    case Target::kExplain:
      return explain(request);
    case Target::kListModels:
    case Target::kShowModel:
      break;
  }
  return answer_models(request);
}

io::Task<> Gateway::handle_peer(http::ServerConnection& client) {
  Request request(client, catalogue_);
  begin(request);
  request.from_peer = true;
  metrics_.in_flight.add(1);
  const bool asks_state = client.head().path() == kPeerStatePath;
  const Result<void> outcome =
      asks_state ? co_await answer_peer_state(request) : co_await serve_hop(request);
  metrics_.in_flight.add(-1);
  if (!outcome) {
    co_await answer_error(request, outcome.error());
  }
  logger_.ended(request, outcome ? nullptr : &outcome.error(), loop_.now());
}

io::Task<> Gateway::refuse_peer(http::ServerConnection& client, Error error) {
  Request request(client, catalogue_);
  begin(request);
  request.from_peer = true;
  co_await answer_error(request, error);
}

io::Task<> Gateway::refuse(http::ServerConnection& client, Error error) {
  Request request(client, catalogue_);
  begin(request);
  co_await answer_error(request, error);
}

io::Task<Result<void>> Gateway::answer_models(Request& request) {
  TDN_CO_TRY(const std::string body,
             request.target == Target::kListModels ? list_models(request) : show_model(request));
  const codec::Field id{"x-request-id", request.id_view()};
  http::Answer answer;
  answer.fields = std::span(&id, 1);
  answer.body = body;
  const Result<void> sent = co_await request.client.respond(answer);
  if (!sent) {
    request.client.abort();
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Gateway::generate(Request& request) {
  const Result<void> allowed = may_open_body(request);
  if (!allowed) {
    request.client.wipe_unread();
    request.client.close_after_answer();
    co_return allowed;
  }
  TDN_CO_TRY_VOID(accepting());
  TDN_CO_TRY(request.body, co_await request.client.read_body());
  TDN_CO_TRY_VOID(parse(request));
  TDN_CO_TRY_VOID(narrow(request));
  TDN_CO_TRY_VOID(Routing::read_preferences(request));
  TDN_CO_TRY_VOID(reserve(request));
  note_user(request);
  co_return co_await serve_watched(request);
}

// Whether anything new is taken at all, before its body is read.
Result<void> Gateway::accepting() const {
  if (!books_.accepting()) {
    return fail(Code::kStorageUnavailable,
                "this site's disk is full, so nothing new is taken; retry, another site may serve");
  }
  if (options_.admitting != nullptr && !options_.admitting->load(std::memory_order_relaxed)) {
    return fail(Code::kQuotaUnavailable,
                "this site may not serve: for too long its control plane has not confirmed what it "
                "serves by, or the site was deleted; retry, another site may serve");
  }
  return {};
}

// The sender's catalogue may be older, or its own site the only one that it knows to be well.
Result<void> Gateway::in_service(const Request& request) {
  if (request.snapshot()[request.catalogue->here()].state == domain::SiteState::kActive) {
    return {};
  }
  return fail(Code::kZoneUnavailable,
              "this site is cordoned or draining and takes no new work; another may serve it");
}

void Gateway::note_user(Request& request) const {
  const codec::RequestScan& scan = request.scan;
  if (!user_hasher_ || (!scan.user_at.present() && !scan.safety_identifier_at.present())) {
    return;
  }
  if (const std::string user = codec::user_of(request.body, scan); !user.empty()) {
    request.user_hash = user_hasher_->hash(request.snapshot()[request.key->tenant].uid, user);
  }
}

io::Task<Result<void>> Gateway::serve_hop(Request& request) {
  Result<void> taken = take_hop(request, *peers_, options_.bug);
  if (taken) {
    taken = in_service(request);
  }
  if (taken) {
    taken = accepting();
  }
  if (!taken) {
    // Nothing of the body is read or kept.
    request.client.wipe_unread();
    request.client.close_after_answer();
    co_return taken;
  }
  metrics_.peer_requests.add();
  request.client.probe_client();  // the sign of life that the other edge waits for
  TDN_CO_TRY(request.body, co_await request.client.read_body());
  TDN_CO_TRY_VOID(parse(request));
  TDN_CO_TRY_VOID(Routing::read_preferences(request));
  co_return co_await serve_watched(request);
}

io::Task<Result<void>> Gateway::answer_peer_state(Request& request) {
  if (Result<void> taken = take_state_request(request, *peers_); !taken) {
    request.client.close_after_answer();
    co_return taken;
  }
  const std::string body = peer_state_json(*request.catalogue, loop_.now());
  http::Answer answer;
  answer.body = body;
  if (!co_await request.client.respond(answer)) {
    request.client.abort();
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Gateway::serve_watched(Request& request) {
  io::Context& context = co_await io::this_context();
  const ClientWatch watch(request.client, context,
                          request.hop ? ClientWatch::End::kGone : ClientWatch::End::kAsk);
  const io::DeadlineScope deadline(context, request.arrived + options_.total);
  co_return co_await serve(request);
}

Result<void> Gateway::reserve(Request& request) {
  constexpr std::uint64_t kMost = 1'000'000'000'000;
  const std::uint64_t tokens =
      request.body.size() + std::min(request.scan.max_tokens.value_or(0), kMost);
  const std::optional<quota::Refusal> refused = request.reservation.take(
      request.catalogue->limiters(*request.key), static_cast<std::int64_t>(std::min(tokens, kMost)),
      loop_.clock().now());
  if (refused) {
    request.retry_after_s = retry_after_seconds(refused->retry_after);
    return fail(refused->error);
  }
  return {};
}

io::Task<Result<void>> Gateway::serve(Request& request) {
  Tried tried;
  std::optional<Error> last;
  const io::Context& context = co_await io::this_context();
  const bool may_retry = request.preferences == nullptr || request.preferences->may_retry();
  for (int attempts = 0;
       attempts < options_.attempts && !tried.sites.full() && (may_retry || tried.none());) {
    const Instant now = loop_.now();
    const route::Decision decision = routing_.choose(request, tried, now);
    if (decision.refused()) {
      if (!last) {
        request.retry_after_s = retry_after_seconds(decision.retry_after);
        last.emplace(routing_.refusal(request, decision));
      }
      break;
    }
    if (last && !worth_another(request, context, decision, now)) {
      break;
    }
    const domain::EndpointIndex endpoint = decision.candidates.front().endpoint;
    const domain::SiteIndex site = request.snapshot()[endpoint].site;
    Leg leg(request, endpoint);
    leg.forwarded = peers_ && site != request.catalogue->here();
    leg.number = request.hop ? request.hop->token.leg : static_cast<std::uint64_t>(attempts);
    routing_.take(request, decision, leg, now);
    if (another_may_follow(request, decision, attempts)) {
      leg.head_by = now + (context.deadline() - now) / 2;  // the other half is for another
    }
    if (leg.forwarded) {
      tried.sites.push_back(site);  // its edge has tried all it has
      if (peers_->find(request.snapshot()[site].name) == nullptr) {
        last.emplace(
            upstream_error({Code::kUnavailable, "no way to the site's edge is known"}, true));
        continue;
      }
    } else {
      tried.endpoints.push_back(endpoint);
    }
    metrics_.retries.add(attempts++ > 0 ? 1 : 0);
    Result<void> served =
        leg.forwarded ? co_await forward(request, leg) : co_await attempt(request, leg);
    if (served) {
      co_return served;
    }
    const bool final = served.error().retry() == Retry::kNo ||
                       (request.answered && bug() != PlantedBug::kRetryAfterFirstByte);
    // That one engine is well but busy says more to the client than that another is away.
    const bool less = served.error().code() == Code::kZoneUnavailable && last &&
                      last->code() == Code::kOverloaded;
    if (final || !less) {
      last.emplace(std::move(served).error());
    }
    if (final) {
      break;
    }
  }
  if (request.admission) {
    // Dispatched, and nothing came of it: one record, nothing billed.
    Leg leg(request, request.last.endpoint);
    leg.number = request.last.leg;
    leg.forwarded = request.last.forwarded;
    const bool client_gone = last->code() == Code::kClosed || last->code() == Code::kCancelled;
    settle(request, leg, client_gone ? meter::End::kClientGone : meter::End::kUpstreamDied);
  }
  request.reservation.settle(0);
  if (request.answered && bug() == PlantedBug::kRetryAfterFirstByte) {
    request.client.abort();
    co_return Result<void>{};
  }
  co_return fail(*std::move(last));
}

Result<void> Gateway::open_admission(Request& request, const Leg& leg, bool foreign) {
  const bool moved = leg.forwarded || request.last.forwarded;
  request.last = {leg.endpoint, leg.number, leg.forwarded};
  if (request.admission && !moved) {
    return {};
  }
  if (request.admission) {
    // Nothing came of the former; were the process to die now, the record should name who bought
    // and who sold.
    books_.refuse(*std::exchange(request.admission, std::nullopt), Code::kUpstreamError);
  }
  meter::UsageRecord draft = make_record(request, leg);
  const meter::Annexes annexes = make_annexes(request, random_);
  request.admitted.reset();
  const bool awaited = request.scan.stream || foreign;
  TDN_TRY(const meter::AdmissionHandle admission,
          books_.admit(draft, list_price(request), annexes,
                       awaited ? &request.admitted.emplace() : nullptr));
  request.admission = admission;
  fail_point("gateway.after_admit");
  return {};
}

io::Task<Result<void>> Gateway::attempt(Request& request, Leg& leg) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  route::EndpointState& state = request.catalogue->table().state(leg.endpoint);
  std::optional<route::InFlight> under_way = route::InFlight::try_begin(
      state, endpoint.concurrency, {.tokens = leg.fresh_tokens, .now = loop_.now()});
  if (!under_way) {
    co_return fail(Error(Code::kOverloaded, "this endpoint has as many requests as it takes"));
  }
  leg.under_way = &*under_way;
  leg.simulated = request.catalogue->simulated(leg.endpoint).load(std::memory_order_relaxed);
  TDN_CO_TRY_VOID(open_admission(request, leg, false));
  io::Context& context = co_await io::this_context();
  const auto failed = [&](Error error) {
    return note_failure(request, leg, std::move(error), context);
  };
  const Result<http::Upstream*> upstream = co_await upstreams_.find(endpoint);
  if (!upstream) {
    co_return fail(failed(upstream.error()));
  }
  request.dispatched = loop_.now();
  const codec::ResponseHead* head = nullptr;
  Result<http::Exchange> exchange = co_await dispatch(
      request, leg, **upstream, request.catalogue->engine_head(leg.endpoint), &head);
  if (!exchange) {
    co_return fail(failed(why_not_begun(request, leg, std::move(exchange).error())));
  }
  fail_point("gateway.after_head");
  // Its list of models says so, too, but may not have been asked for yet.
  leg.simulated = leg.simulated || head->find("tdn-simulated").has_value();
  const Answering answering{*this, request, leg, *exchange, *head};
  switch (judge(*head, leg)) {
    case Verdict::kAnswer:
    case Verdict::kRefusal: {
      Result<void> relayed = co_await relay(answering);
      if (!relayed) {
        co_return fail(failed(std::move(relayed).error()));
      }
      if (judge(*head, leg) == Verdict::kAnswer) {
        note_relayed(request, leg);
      } else {
        state.observe(route::Observation::kAnswered, loop_.now());
      }
      co_return relayed;
    }
    case Verdict::kBusy: {
      const std::uint64_t seconds = retry_after_of(*head).value_or(1);
      request.retry_after_s = seconds;
      // The client hears what the engine said; the endpoint is asked again soon, for what one
      // request was refused for need not hold for the next.
      state.pause_until(loop_.now() +
                        std::min<Duration>(std::chrono::seconds(seconds), kLongestPause));
      co_return fail(
          Error(Code::kOverloaded, "every permitted engine is busy; retry after the time given"));
    }
    case Verdict::kFailed:
      break;
  }
  const int status = head->status();
  Error error(Code::kUpstreamError,
              fmt::format("the engine answered with status {}; the operator can see why", status));
  if (status >= 400 && status < 500 && status != 401 && status != 403 && status != 404) {
    // It answered, and found fault with this one request: that says nothing of its health.
    state.observe(route::Observation::kAnswered, loop_.now());
    tell_failure(kEngineFailed, request, leg, error.detail());
    co_return fail(std::move(error));
  }
  co_return fail(failed(std::move(error)));
}

}  // namespace tdn::gateway
