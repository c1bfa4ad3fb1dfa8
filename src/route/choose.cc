#include "route/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace tdn::route {
namespace {

constexpr std::uint32_t kWhole = 1024;
constexpr std::uint32_t kFreeLoad = kWhole / 2;
constexpr std::uint64_t kFullLoadUs = 100'000;

bool better(const Candidate& a, const Candidate& b) {
  return std::tie(a.cost_pico, a.score_us, a.load, a.endpoint) <
         std::tie(b.cost_pico, b.score_us, b.load, b.endpoint);
}

// Prices in another currency than the model's cannot be compared: dearest.
std::uint64_t cost_of(const domain::Model& model, const domain::Endpoint& endpoint,
                      domain::ModelIndex index) {
  const domain::Prices& cost = endpoint.served(index)->cost;
  if (cost.currency != model.prices.currency) {
    return std::numeric_limits<std::uint64_t>::max();
  }
  return static_cast<std::uint64_t>(cost.input.pico) + static_cast<std::uint64_t>(cost.output.pico);
}

Exclusion exclusion_of(const domain::Snapshot& snapshot, domain::SiteIndex here,
                       const domain::Endpoint& endpoint, const domain::Outcome& policy,
                       const EndpointState& state, const Candidate& candidate,
                       const Request& request) {
  if (!policy.sites.contains(endpoint.site)) {
    return Exclusion::kPolicy;
  }
  if (request.own_only && endpoint.site != here) {
    return Exclusion::kElsewhere;
  }
  switch (snapshot[endpoint.site].state) {
    case domain::SiteState::kActive:
      break;
    case domain::SiteState::kCordoned:
      return Exclusion::kCordoned;
    case domain::SiteState::kDraining:
      return Exclusion::kDraining;
  }
  if (std::ranges::find(request.tried, candidate.endpoint) != request.tried.end() ||
      std::ranges::find(request.tried_sites, endpoint.site) != request.tried_sites.end()) {
    return Exclusion::kTried;
  }
  if (state.health() == Health::kDown) {
    return Exclusion::kDown;
  }
  if (request.now < state.paused_until()) {
    return Exclusion::kPaused;
  }
  return candidate.in_flight >= endpoint.concurrency ? Exclusion::kFull : Exclusion::kNone;
}

Candidate weigh(const Table& table, const Request& request, const domain::Outcome& policy,
                domain::EndpointIndex index) {
  const domain::Snapshot& snapshot = table.snapshot();
  const domain::Endpoint& endpoint = snapshot[index];
  const EndpointState& state = table.state(index);
  Candidate candidate;
  candidate.endpoint = index;
  candidate.in_flight = state.in_flight();
  candidate.load = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      std::uint64_t{candidate.in_flight} * kWhole / endpoint.concurrency, kWhole));
  candidate.exclusion =
      exclusion_of(snapshot, table.here(), endpoint, policy, state, candidate, request);
  candidate.score_us = table.round_trip_us(index);
  const domain::Objective objective = request.key->objective;
  if (objective != domain::Objective::kLatency && candidate.load > kFreeLoad) {
    candidate.score_us += kFullLoadUs * (candidate.load - kFreeLoad) / (kWhole - kFreeLoad);
  }
  if (objective == domain::Objective::kCost) {
    candidate.cost_pico = cost_of(snapshot[request.model], endpoint, request.model);
  }
  return candidate;
}

Reason reason_of(const Table& table, const Request& request, const Decision& decision) {
  const Candidate& chosen = decision.candidates.front();
  const std::uint32_t round_trip = table.round_trip_us(chosen.endpoint);
  std::size_t permitted = 0;
  const Candidate* nearer = nullptr;  // the nearest of those that are nearer than the chosen one
  for (const Candidate& candidate : decision.all) {
    if (candidate.exclusion == Exclusion::kPolicy || candidate.exclusion == Exclusion::kElsewhere) {
      continue;
    }
    ++permitted;
    const std::uint32_t limit =
        nearer == nullptr ? round_trip : table.round_trip_us(nearer->endpoint);
    if (table.round_trip_us(candidate.endpoint) < limit) {
      nearer = &candidate;
    }
  }
  if (!request.tried.empty() || !request.tried_sites.empty()) {
    return Reason::kFailover;
  }
  if (permitted == 1) {
    return Reason::kOnly;
  }
  if (nearer == nullptr) {
    return Reason::kNearest;
  }
  switch (nearer->exclusion) {
    case Exclusion::kNone:
      return nearer->cost_pico > chosen.cost_pico ? Reason::kCost : Reason::kLoad;
    case Exclusion::kFull:
    case Exclusion::kPaused:
      return Reason::kLoad;
    default:
      return Reason::kFailover;
  }
}

void refuse(const Table& table, const Request& request, Decision& decision) {
  bool permitted = false;
  bool tried = false;
  bool busy = false;
  Instant soonest = kNever;
  for (const Candidate& candidate : decision.all) {
    permitted |= candidate.exclusion != Exclusion::kPolicy;
    tried |= candidate.exclusion == Exclusion::kTried;
    if (candidate.exclusion == Exclusion::kFull) {
      busy = true;
      soonest = std::min(soonest, request.now + std::chrono::seconds(1));
    } else if (candidate.exclusion == Exclusion::kPaused) {
      busy = true;
      soonest = std::min(soonest, table.state(candidate.endpoint).paused_until());
    }
  }
  if (!permitted) {
    decision.refusal = Code::kPolicyDenied;
  } else if (busy) {
    decision.refusal = Code::kOverloaded;
    decision.retry_after = std::max<Duration>(soonest - request.now, std::chrono::seconds(1));
  } else {
    decision.refusal = tried ? Code::kUpstreamError : Code::kZoneUnavailable;
  }
}

}  // namespace

std::string_view to_string(Exclusion exclusion) {
  switch (exclusion) {
    case Exclusion::kNone:
      return "none";
    case Exclusion::kPolicy:
      return "policy";
    case Exclusion::kCordoned:
      return "cordoned";
    case Exclusion::kDraining:
      return "draining";
    case Exclusion::kDown:
      return "down";
    case Exclusion::kPaused:
      return "paused";
    case Exclusion::kFull:
      return "full";
    case Exclusion::kTried:
      return "tried";
    case Exclusion::kElsewhere:
      return "elsewhere";
  }
  return "";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "refused";
    case Reason::kOnly:
      return "only";
    case Reason::kNearest:
      return "nearest";
    case Reason::kLoad:
      return "load";
    case Reason::kCost:
      return "cost";
    case Reason::kFailover:
      return "failover";
  }
  return "";
}

Decision choose(const Table& table, const Request& request, Scratch& scratch) {
  const domain::Snapshot& snapshot = table.snapshot();
  const auto& endpoints = snapshot[request.model].endpoints;
  Decision decision;
  decision.policy = &snapshot.outcome(*request.key, request.model, request.client);
  scratch.clear();
  scratch.reserve(endpoints.size());
  for (const domain::EndpointIndex endpoint : endpoints) {
    scratch.push_back(weigh(table, request, *decision.policy, endpoint));
  }
  const auto eligible_end = std::partition(
      scratch.begin(), scratch.end(),
      [](const Candidate& candidate) { return candidate.exclusion == Exclusion::kNone; });
  const auto eligible = static_cast<std::size_t>(eligible_end - scratch.begin());
  const std::size_t ordered = std::min(eligible, Decision::kOrdered);
  std::partial_sort(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(ordered),
                    eligible_end, better);
  decision.all = scratch;
  decision.candidates = std::span(scratch).first(ordered);
  if (ordered > 0) {
    decision.reason = reason_of(table, request, decision);
  } else {
    refuse(table, request, decision);
  }
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
    case Code::kOverloaded:
      return {Code::kOverloaded,
              fmt::format("All endpoints for {} are busy; try again shortly.", model)};
    case Code::kUpstreamError:
      return {Code::kUpstreamError,
              fmt::format("Every endpoint for {} that could be tried failed; try again.", model)};
    default:
      return {Code::kZoneUnavailable,
              fmt::format("The endpoints that may process {} are down; try again shortly.", model)};
  }
}

}  // namespace tdn::route
