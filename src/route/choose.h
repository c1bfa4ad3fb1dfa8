// Which endpoint serves a request, and why. First hard filters, each of which can only take away:
// the model, the policy's sites, the state of the site, the endpoint's health, its room, and what
// this request has tried already. Then one score, so that equal input gives the same choice
// everywhere:
//
//   balanced  round trip + load; load costs nothing below half of the endpoint's concurrency (an
//             engine batches), then rises to 100 ms of network at the full
//   latency   round trip alone
//   cost      price of an input and an output token, then as balanced
//
// Equal scores go to the emptier endpoint, then to the first by name.
//
// Pure: the time comes in, nothing is counted here (`InFlight` in endpoint_state.h counts).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "domain/country.h"
#include "domain/snapshot.h"
#include "route/table.h"

namespace tdn::route {

// Why an endpoint that serves the model is not chosen from. In the order of the filters.
enum class Exclusion : std::uint8_t {
  kNone,
  kPolicy,     // its site is outside what policy allows
  kCordoned,   // its site takes no new requests
  kDraining,   // likewise
  kDown,       // route/health.h
  kPaused,     // it asked for a pause
  kFull,       // as many requests under way as it takes
  kTried,      // by this request, or its site was
  kElsewhere,  // the request is a peer's, and this is not our own
};
[[nodiscard]] std::string_view to_string(Exclusion exclusion);

// What made the choice: the reason of the `tdn-route` header. Numbers are kept in the books.
enum class Reason : std::uint8_t {
  kNone = 0,      // refused
  kOnly = 1,      // no other endpoint is permitted
  kNearest = 2,   // none permitted is nearer
  kLoad = 3,      // a nearer one is busier or full
  kCost = 4,      // a nearer one is dearer
  kFailover = 5,  // a nearer one is down, or this request failed there
};
[[nodiscard]] std::string_view to_string(Reason reason);

struct Candidate {
  domain::EndpointIndex endpoint;
  Exclusion exclusion = Exclusion::kNone;
  std::uint32_t in_flight = 0;
  std::uint32_t load = 0;       // in flight, of the concurrency, in 1/1024
  std::uint64_t cost_pico = 0;  // compared where the objective is cost; else 0
  std::uint64_t score_us = 0;
};

struct Request {
  const domain::Key* key = nullptr;
  domain::ModelIndex model;
  domain::Country client;
  std::span<const domain::EndpointIndex> tried;  // in vain, by this request
  Instant now{};
  std::span<const domain::SiteIndex> tried_sites{};  // whose edge was asked in vain: as a whole
  bool own_only = false;  // from a peer: only this site's endpoints, never a further hop
};

// Room to decide in; one per shard. It grows to the most endpoints of a model, after that deciding
// allocates nothing.
using Scratch = std::vector<Candidate>;

struct Decision {
  static constexpr std::size_t kOrdered = 8;  // more attempts than any request may make

  // The best first, at most kOrdered of them. Empty: refused. Valid until the scratch is used
  // again.
  std::span<const Candidate> candidates;
  std::span<const Candidate> all;  // every endpoint of the model, for explanations; unordered
  Reason reason = Reason::kNone;
  Code refusal = Code::kPolicyDenied;              // why, if refused
  Duration retry_after = std::chrono::seconds(1);  // advice, if refused for now
  const domain::Outcome* policy = nullptr;         // that applied
};

[[nodiscard]] Decision choose(const Table& table, const Request& request, Scratch& scratch);

// What the client is told of a refusal:
//   policy_denied     no permitted endpoint is configured, or a rule denies
//   zone_unavailable  there are permitted ones, but all are down or take no new requests
//   overloaded        some are well, but full or pausing
//   upstream_error    this request has tried all that are left
[[nodiscard]] Error refusal(const Table& table, const Request& request, const Decision& decision);

}  // namespace tdn::route
