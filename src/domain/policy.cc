#include "domain/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace tdn::domain {

Opening may_open(const Snapshot& snapshot, const Key& key, Country client, SiteIndex here) {
  const Gate& gate = snapshot.gate(key, client);
  if (gate.sites.contains(here)) {
    return {Opening::Verdict::kOpen, std::nullopt};
  }
  if (gate.sites.empty()) {
    return {Opening::Verdict::kDenied, std::nullopt};
  }
  std::optional<SiteIndex> nearest;
  double nearest_km = std::numeric_limits<double>::infinity();
  for (std::uint32_t i = 0; i < snapshot.sites().size(); ++i) {
    const Site& site = snapshot.sites()[i];
    if (!gate.sites.contains({i}) || site.gateway.empty() || site.state != SiteState::kActive) {
      continue;
    }
    const double km = distance_km(snapshot[here].coordinates, site.coordinates);
    if (km < nearest_km) {  // of equally near ones the first by name
      nearest = SiteIndex{i};
      nearest_km = km;
    }
  }
  return {Opening::Verdict::kWrongSite, nearest};
}

Error refusal(const Snapshot& snapshot, const Key& key, Country client, SiteIndex here,
              const Opening& opening) {
  if (opening.verdict == Opening::Verdict::kWrongSite) {
    return {
        Code::kWrongSite,
        opening.nearest
            ? fmt::format("Requests of this key may not be processed at site {}; send them to {} "
                          "({}).",
                          snapshot[here].name, snapshot[*opening.nearest].gateway,
                          snapshot[*opening.nearest].name)
            : fmt::format(
                  "Requests of this key may not be processed at site {}, and no site "
                  "where they may be has a gateway in service now; send them again later, or ask "
                  "your operator.",
                  snapshot[here].name)};
  }
  const Gate& gate = snapshot.gate(key, client);
  return {Code::kPolicyDenied,
          gate.denied.empty()
              ? "No site may process all the models of this key; ask your operator, or use a key "
                "for fewer models."
              : fmt::format("Refused by policy: {}.", gate.denied)};
}

std::optional<ZoneIndex> allowing_zone(const Snapshot& snapshot, const Outcome& outcome,
                                       SiteIndex site) {
  const auto found = std::find_if(outcome.zones.begin(), outcome.zones.end(), [&](ZoneIndex zone) {
    return snapshot[zone].sites.contains(site);
  });
  return found == outcome.zones.end() ? std::nullopt : std::optional(*found);
}

}  // namespace tdn::domain
