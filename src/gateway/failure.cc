// What a failed attempt means: for the health of the endpoint (route/health.h says whose failure
// counts), for another attempt, and for the client.
#include "base/log.h"
#include "gateway/gateway.h"
#include "io/loop.h"

namespace tdn::gateway {

using namespace std::chrono_literals;

namespace {
// A request that two engines failed at is suspect: it is not tried on a third.
constexpr int kSuspectAfter = 2;
}  // namespace

std::optional<route::Observation> Gateway::failure_seen(Code code) {
  switch (code) {
    case Code::kUnavailable:
      return route::Observation::kRefused;
    case Code::kTimeout:
    case Code::kUpstreamTimeout:  // a stream that did not begin in time
      return route::Observation::kTimedOut;
    case Code::kClosed:
      return route::Observation::kBroken;
    case Code::kUpstreamError:
      return route::Observation::kServerError;
    default:
      return std::nullopt;
  }
}

// Tells the endpoint's health what its failure was, and makes the client's error of it.
Error Gateway::note_failure(Request& request, const Leg& leg, Error error,
                            const io::Context& context) {
  route::EndpointState& state = request.catalogue->table().state(leg.endpoint);
  // When the request's own time is over, that is not the engine's fault.
  const bool out_of_time = context.deadline() <= loop_.now();
  if (!context.cancelled() && error.code() != Code::kOverloaded) {
    tell_failure(kEngineFailed, request, leg, error.detail());
  }
  if (!context.cancelled() && !out_of_time) {
    if (const auto observation = failure_seen(error.code())) {
      const bool engine = route::is_failed_request(*observation);
      request.engines_failed += engine ? 1 : 0;
      // The second engine that fails at it says more of the request than of itself.
      if (!engine || request.engines_failed < kSuspectAfter) {
        const bool served = state.health() == route::Health::kUp;
        state.observe(*observation, loop_.now(), requester(request));
        if (served && state.health() != route::Health::kUp) {
          log_info("gateway", "endpoint is down",
                   {{"endpoint", request.snapshot()[leg.endpoint].name},
                    {"reason", "requests failed at it"}});
        }
      }
    } else if (error.code() == Code::kOverloaded) {
      state.pause_until(loop_.now() + 1s);
    }
  }
  return failure_told(std::move(error), leg.forwarded, context);
}

void Gateway::tell_failure(std::string_view what, const Request& request, const Leg& leg,
                           std::string_view why) {
  log_warning("gateway", what,
              {{"request", request.id_view()},
               {"endpoint", request.snapshot()[leg.endpoint].name},
               {"why", why}});
}

Error Gateway::why_not_begun(const Request& request, const Leg& leg, Error error) {
  if (error.code() != Code::kOverloaded) {
    return error;
  }
  tell_failure("a connection is wanting", request, leg, error.detail());
  return {Code::kOverloaded,
          "this site has no connection to spare; send the request again shortly"};
}

void Gateway::note_interrupted(Request& request, const Leg& leg, std::string_view why) {
  request.told.interrupted = true;
  tell_failure("an answer broke off", request, leg, why);
}

route::Requester Gateway::requester(const Request& request) {
  return route::requester_of(request.snapshot()[request.key->tenant].uid);
}

void Gateway::note_relayed(const Request& request, const Leg& leg) {
  using route::Observation;
  const Observation seen = leg.broke.value_or(Observation::kAnswered);
  if (!leg.forwarded) {
    request.catalogue->table().state(leg.endpoint).observe(seen, loop_.now(), requester(request));
  } else if (seen == Observation::kBroken || seen == Observation::kStalled) {
    observe_site(request, request.snapshot()[leg.endpoint].site, seen);
  } else if (seen == Observation::kAnswered) {
    request.catalogue->table().state(leg.endpoint).observe(seen, loop_.now());
  }  // else its own edge saw the engine fail, and says so
}

// Whether one more attempt may follow on the one that is about to be made.
bool Gateway::another_may_follow(const Request& request, const route::Decision& decision,
                                 int attempts) const {
  const bool may_retry = request.preferences == nullptr || request.preferences->may_retry();
  return may_retry && decision.candidates.size() > 1 && attempts + 1 < options_.attempts &&
         request.engines_failed + 1 < kSuspectAfter;
}

// Whether a request that failed should be tried once more, at the best candidate.
bool Gateway::worth_another(const Request& request, const io::Context& context,
                            const route::Decision& decision, Instant now) const {
  if (request.engines_failed >= kSuspectAfter) {
    return false;
  }
  // It needs a connection and a first token.
  const route::EndpointState& state =
      request.catalogue->table().state(decision.candidates.front().endpoint);
  const Duration needed =
      options_.upstream.connect + std::chrono::microseconds(state.first_token_us());
  return context.deadline() == kNever || context.deadline() - now >= needed;
}

Duration Gateway::patience(const Leg& leg, bool begun) const {
  if (!begun) {
    return options_.upstream.first_byte;
  }
  return leg.forwarded ? options_.stall + kStallMargin : options_.stall;
}

Error Gateway::failure_told(Error error, bool of_site, const io::Context& context) {
  if (context.cancelled() && context.reason() == Code::kClosed) {
    return {Code::kClosed, Origin::kClient, Retry::kNo, "the client left"};
  }
  if (context.cancelled()) {
    return {Code::kOverloaded, Origin::kEdge, Retry::kNo,
            "this site is stopping; send the request again, another may serve it"};
  }
  const bool out_of_time = context.deadline() <= loop_.now();
  Error told = upstream_error(std::move(error), of_site);
  if (out_of_time) {
    return {told.code(), told.origin(), Retry::kNo, told.detail()};
  }
  return told;
}

Error Gateway::upstream_error(Error error, bool of_site) {
  switch (error.code()) {
    case Code::kTimeout:
      return {Code::kUpstreamTimeout,
              "the engine did not answer in time; retry, or ask for a shorter answer"};
    case Code::kUnavailable:
      return {Code::kZoneUnavailable, Origin::kUpstream, Retry::kOtherRoute,
              "no permitted engine can be reached at the moment; retry shortly"};
    case Code::kClosed:
      return {Code::kUpstreamError,
              of_site ? "the connection to the site that serves it broke; send the request again"
                      : "the engine's connection broke; send the request again"};
    default:
      return error;
  }
}

}  // namespace tdn::gateway
