// Which endpoint serves a request: gathers what is known of each endpoint that serves the model,
// marks those that hard filters leave out, and decides (decide.h). Each filter can only take away:
// policy's sites, the state of the site, what the request's `provider` wants, what this request has
// tried already, the endpoint's health, its pause, its room.
//
// Of those that could serve, at most a third is kept ejected: beyond that the least bad ones, those
// that fell least often, are candidates after all (`Facts::trust` 0), so that a rule that judges
// wrongly costs no more than that, and no request is refused for ejections alone. They go last
// while a sound one has room. That is panic inside the fence: what the filters before took away
// stays away, and what is down is certain. (Envoy: panic threshold.)
//
// Pure: the time comes in, nothing is counted here (`InFlight` in endpoint_state.h counts).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/fixed_vector.h"
#include "base/time.h"
#include "domain/country.h"
#include "domain/geo.h"
#include "domain/snapshot.h"
#include "route/decide.h"
#include "route/preferences.h"
#include "route/table.h"

namespace tdn::route {

// Prompt tokens that an endpoint should have in its cache.
struct CacheHit {
  std::uint32_t tag = 0;  // of the endpoint (table.h)
  std::uint32_t tokens = 0;
};
using CacheHits = FixedVector<CacheHit, 4>;

struct Request {
  const domain::Key* key = nullptr;
  domain::ModelIndex model;
  domain::Country client;
  std::span<const domain::EndpointIndex> tried;  // in vain, by this request
  Instant now{};
  Work work = {};  // its objective is the key's or the request's; see usual_work()
  const Preferences* preferences = nullptr;
  std::optional<domain::Coordinates> client_at = {};
  CacheHits cached = {};
  std::span<const domain::SiteIndex> tried_sites{};  // whose edge was asked in vain: as a whole
  const domain::Outcome* policy = nullptr;           // as looked up before; null: looked up here
  bool own_only = false;  // from a peer: only this site's endpoints, never a further hop
};

// Room to decide in; one per shard. It grows to the most endpoints of a model, after that deciding
// allocates nothing.
using Scratch = std::vector<Facts>;

[[nodiscard]] Objective objective_of(const domain::Key& key);
// The work of a request whose body has `bytes` and which wants at most `output_cap` tokens (0: no
// cap), by what was learned of the model.
[[nodiscard]] Work usual_work(const Table& table, domain::ModelIndex model, Objective objective,
                              std::uint64_t bytes, std::uint64_t output_cap);

// The facts of every endpoint of the model, in the scratch.
void gather(const Table& table, const Request& request, Scratch& scratch);

[[nodiscard]] Decision choose(const Table& table, const Request& request, Scratch& scratch);

// What the client is told of a refusal:
//   policy_denied     no permitted endpoint is configured, or a rule denies
//   invalid_request   its own `provider` leaves none of the permitted ones
//   zone_unavailable  there are permitted ones, but all are down or take no new requests
//   overloaded        some are well, but full or pausing
//   upstream_error    this request has tried all that are left
[[nodiscard]] Error refusal(const Table& table, const Request& request, const Decision& decision);

}  // namespace tdn::route
