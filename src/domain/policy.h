// Where a request may be processed: the operator's policies, in two stages around the body.
//
// Within one policy the first rule that matches decides; no match allows. Several policies must all
// be satisfied: one denial denies, and of the zones that each requires (any one of a rule's zones
// will do) a site must be in one for every policy. Nothing is ever relaxed: an empty set of sites
// is a refusal.
//
// Stage 1 knows key, tenant, project and client country, not yet the body. The body may be opened
// at a site only if every model that the key may use may be processed there (models that are denied
// to it everywhere do not count). Stage 2 knows the model and narrows to where that one may go.
//
// A site is in a zone if its country is among the zone's countries, its legal operator among the
// operators and it holds all the certifications; an empty list asks nothing.
#pragma once

#include <optional>

#include "base/error.h"
#include "domain/snapshot.h"

namespace tdn::domain {

struct Opening {
  enum class Verdict : std::uint8_t { kOpen, kWrongSite, kDenied };
  Verdict verdict = Verdict::kDenied;
  std::optional<SiteIndex>
      nearest;  // kWrongSite: the nearest permitted site that clients can reach
};

// Stage 1.
[[nodiscard]] Opening may_open(const Snapshot& snapshot, const Key& key, Country client,
                               SiteIndex here);

// What the client is told if the verdict is not kOpen: kWrongSite or kPolicyDenied.
[[nodiscard]] Error refusal(const Snapshot& snapshot, const Key& key, Country client,
                            SiteIndex here, const Opening& opening);

// The zone that allows processing at `site`: what the usage record names. Nothing if the outcome
// requires no zone.
[[nodiscard]] std::optional<ZoneIndex> allowing_zone(const Snapshot& snapshot,
                                                     const Outcome& outcome, SiteIndex site);

}  // namespace tdn::domain
