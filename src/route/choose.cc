#include "route/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tdn::route {
namespace {

using namespace std::chrono_literals;

// Unused for longer, a connection has been closed by one end or the other.
constexpr Duration kConnectionKept = 30s;

// An engine that this edge asks itself is asked each second, and what it does for others is little:
// until then its last word is fresh.
constexpr Duration kAskedEvery = 1500ms;

std::uint32_t ms_between(Instant earlier, Instant later) {
  if (later <= earlier) {
    return 0;
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(later - earlier).count();
  return static_cast<std::uint32_t>(std::min<std::int64_t>(ms, Facts::kNeverReported - 1));
}

// The moment's part of the facts.
void fill_load(const EndpointState& state, Instant now, Facts& facts) {
  facts.own = state.in_flight();
  facts.pending_tokens = state.pending_tokens();
  if (const auto reported = state.reported()) {
    facts.running = reported->report.running;
    facts.waiting = reported->report.waiting;
    facts.ours = reported->ours;
    facts.age_ms = ms_between(reported->when, facts.relayed ? now : now - kAskedEvery);
    if (reported->report.slots > 0) {
      facts.slots = std::min(facts.slots, reported->report.slots);
    }
  } else {
    facts.age_ms = facts.relayed ? Facts::kNeverReported : 0;
  }
  const EndpointState::Rates rates = state.rates(now);
  facts.prompt_us = rates.prompt_us;  // 0: not known, as the next
  facts.prefill_ns = rates.prefill_ns_per_token;
  facts.decode_us = rates.decode_us_per_token;
  if (now - state.last_used() > kConnectionKept) {
    facts.setup_us += facts.site_us;  // a handshake
  }
}

// One of which nothing is known is taken for as quick as the quickest that is known, but for no
// quicker than the prior; for twice as quick where the prompt is long, which makes it worth a try.
void fill_unknown_speeds(std::span<Facts> all, std::uint32_t input_tokens) {
  const std::uint32_t hope = input_tokens >= EndpointState::kLongPrompt ? 2 : 1;
  const auto fill = [all](std::uint32_t Facts::* speed, std::uint32_t divisor,
                          std::uint32_t prior) {
    std::uint32_t quickest = 0;
    for (const Facts& facts : all) {
      const std::uint32_t known = facts.*speed;
      quickest = known != 0 && (quickest == 0 || known < quickest) ? known : quickest;
    }
    const std::uint32_t assumed = std::max(quickest / divisor, prior);
    for (Facts& facts : all) {
      facts.*speed = facts.*speed != 0 ? facts.*speed : assumed;
    }
  };
  fill(&Facts::prompt_us, 1, 0);
  fill(&Facts::prefill_ns, hope, kPriorPrefillNs);
  fill(&Facts::decode_us, hope, kPriorDecodeUs);
}

void fill_cached(const CacheHits& hits, const EndpointState& state, std::uint32_t input,
                 Facts& facts) {
  for (const CacheHit& hit : hits) {
    if (hit.tag == facts.tag) {
      const std::uint64_t tokens = std::min(std::min(hit.tokens, input), kMostTokens);
      facts.cached_tokens = std::max(
          facts.cached_tokens, static_cast<std::uint32_t>(tokens * state.cache_trust() / 1024));
    }
  }
}

// Of one that could serve, what keeps it from that just now.
Exclusion room_at(const EndpointState& state, std::uint32_t concurrency, Instant now,
                  Facts& facts) {
  if (now < state.paused_until()) {
    facts.pause_ms = ms_between(now, state.paused_until() + 999us);
    return Exclusion::kPaused;
  }
  return facts.own >= concurrency ? Exclusion::kFull : Exclusion::kNone;
}

// What the endpoint's condition says, once nothing else does.
Exclusion condition_of(const EndpointState& state, std::uint32_t concurrency, Requester who,
                       Instant now, Facts& facts) {
  if (state.trouble() != Trouble::kNone) {
    return state.trouble() == Trouble::kCredential ? Exclusion::kCredential
                                                   : Exclusion::kCertificate;
  }
  const HealthState health = state.health_state();
  if (health.health == Health::kDown) {
    return Exclusion::kDown;
  }
  if (health.health == Health::kEjected || state.shuns(who, now)) {
    return Exclusion::kEjected;
  }
  facts.trust = trust(health, now);
  return room_at(state, concurrency, now, facts);
}

// Puts those back that are ejected beyond a third, the least bad first.
class Readmission {
 public:
  Readmission(const Table& table, Instant now, Scratch& scratch)
      : table_(table), now_(now), scratch_(scratch) {}

  void run() {
    count();
    if (ejected_ == 0) {
      return;
    }
    std::uint32_t wanted = ejected_ - std::min(ejected_, serving_ / kShare);
    for (std::size_t falls = 0; falls < by_falls_.size() && wanted > 0; ++falls) {
      wanted -= readmit(falls, std::min(wanted, by_falls_[falls]));
    }
  }

 private:
  static constexpr std::uint32_t kShare = 3;
  // Behind every preference, of which there are fewer.
  static constexpr std::uint8_t kLast = 128;

  [[nodiscard]] std::size_t falls_of(const Facts& facts) const {
    return std::min<std::size_t>(table_.state(facts.endpoint).health_state().falls,
                                 kMostDoublings + 1);
  }

  void count() {
    for (const Facts& facts : scratch_) {
      switch (facts.exclusion) {
        case Exclusion::kEjected:
          ++ejected_;
          ++serving_;
          ++by_falls_[falls_of(facts)];
          break;
        case Exclusion::kNone:
          room_ = room_ || crowd(facts).requests < std::uint64_t{facts.slots} << 10U;
          [[fallthrough]];
        case Exclusion::kPaused:
        case Exclusion::kFull:
          ++serving_;
          break;
        default:
          break;
      }
    }
  }

  std::uint32_t readmit(std::size_t falls, std::uint32_t wanted) {
    std::uint32_t left = wanted;
    for (Facts& facts : scratch_) {
      if (left == 0) {
        break;
      }
      if (facts.exclusion != Exclusion::kEjected || falls_of(facts) != falls) {
        continue;
      }
      --left;
      facts.trust = 0;
      facts.rank = static_cast<std::uint8_t>(
          room_ ? std::min<std::uint32_t>(facts.rank + kLast, UINT8_MAX) : facts.rank);
      facts.exclusion = room_at(table_.state(facts.endpoint),
                                table_.snapshot()[facts.endpoint].concurrency, now_, facts);
    }
    return wanted;
  }

  const Table& table_;
  const Instant now_;
  Scratch& scratch_;
  std::uint32_t ejected_ = 0;
  std::uint32_t serving_ = 0;  // not certainly away
  bool room_ = false;          // at a sound one
  std::array<std::uint32_t, kMostDoublings + 2> by_falls_{};
};

const domain::Outcome& policy_of(const Table& table, const Request& request) {
  return request.policy != nullptr
             ? *request.policy
             : table.snapshot().outcome(*request.key, request.model, request.client);
}

}  // namespace

Objective objective_of(const domain::Key& key) {
  switch (key.objective) {
    case domain::Objective::kLatency:
      return Objective::kLatency;
    case domain::Objective::kCost:
      return Objective::kCost;
    case domain::Objective::kInherited:
    case domain::Objective::kBalanced:
      break;
  }
  return Objective::kBalanced;
}

Work usual_work(const Table& table, domain::ModelIndex model, Objective objective,
                std::uint64_t bytes, std::uint64_t output_cap) {
  const ModelState& state = table.model_state(model);
  Work work;
  work.objective = objective;
  work.input_tokens = state.tokens_of(bytes);
  work.usual_input_tokens = state.usual_input();
  work.usual_output_tokens = state.usual_output();
  work.output_tokens = work.usual_output_tokens;
  if (output_cap > 0 && output_cap < work.output_tokens) {
    work.output_tokens = static_cast<std::uint32_t>(output_cap);
  }
  return work;
}

void gather(const Table& table, const Request& request, Scratch& scratch) {
  const domain::Snapshot& snapshot = table.snapshot();
  const domain::Model& model = snapshot[request.model];
  const domain::Outcome& policy = policy_of(table, request);
  const std::span<const Facts> row = table.endpoints_of(request.model);
  const Requester who =
      request.key == nullptr ? kNobody : requester_of(snapshot[request.key->tenant].uid);
  scratch.assign(row.begin(), row.end());
  for (Facts& facts : scratch) {
    const EndpointState& state = table.state(facts.endpoint);
    const std::uint32_t concurrency = facts.slots;
    if (request.client_at) {
      facts.client_us =
          std::max(1U, round_trip_us(*request.client_at, snapshot[facts.site].coordinates));
    }
    fill_load(state, request.now, facts);
    fill_cached(request.cached, state, request.work.input_tokens, facts);
    if (!policy.sites.contains(facts.site)) {
      facts.exclusion = Exclusion::kPolicy;
    } else if (request.own_only && facts.site != table.here()) {
      facts.exclusion = Exclusion::kElsewhere;
    }
    if (request.preferences != nullptr) {
      request.preferences->apply(model, facts);
    }
    if (facts.exclusion != Exclusion::kNone) {
      continue;
    }
    const bool tried =
        std::ranges::find(request.tried, facts.endpoint) != request.tried.end() ||
        std::ranges::find(request.tried_sites, facts.site) != request.tried_sites.end();
    facts.exclusion =
        tried ? Exclusion::kTried : condition_of(state, concurrency, who, request.now, facts);
  }
  fill_unknown_speeds(scratch, request.work.input_tokens);
  Readmission(table, request.now, scratch).run();
}

Decision choose(const Table& table, const Request& request, Scratch& scratch) {
  gather(table, request, scratch);
  Decision decision = decide(request.work, scratch);
  decision.policy = &policy_of(table, request);
  return decision;
}

Error refusal(const Table& table, const Request& request, const Decision& decision) {
  const std::string& model = table.snapshot()[request.model].name;
  switch (decision.refusal) {
    case Code::kPolicyDenied:
      if (!decision.policy->denied.empty()) {
        return {Code::kPolicyDenied,
                fmt::format("Refused by policy: {}.", decision.policy->denied)};
      }
      return {Code::kPolicyDenied,
              decision.all.empty()
                  ? fmt::format("No endpoint serves {}; choose another model.", model)
                  : fmt::format("No endpoint for {} is where this key's policy allows it to be "
                                "processed; choose another model.",
                                model)};
    case Code::kInvalidRequest:
      return Error(Code::kInvalidRequest,
                   fmt::format("`provider` leaves none of the {} endpoints that may serve {}; ask "
                               "for less, or POST the request to /tdn/v1/explain to see why.",
                               std::count_if(decision.all.begin(), decision.all.end(),
                                             [](const Facts& facts) {
                                               return facts.exclusion != Exclusion::kPolicy;
                                             }),
                               model))
          .about("provider");
    case Code::kOverloaded:
      return {Code::kOverloaded,
              fmt::format("All endpoints for {} are busy; try again shortly.", model)};
    case Code::kUpstreamError:
      return {Code::kUpstreamError,
              fmt::format("Every endpoint for {} that could be tried failed; try again.", model)};
    default:
      return {
          Code::kZoneUnavailable,
          fmt::format(
              "The endpoints that may process {} are down or out of service; try again shortly.",
              model)};
  }
}

}  // namespace tdn::route
