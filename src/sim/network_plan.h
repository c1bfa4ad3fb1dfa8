// What a story of sim/network_world.h is about: which sites, how far from each other, whose
// requests may go where. The three sites that every seed places anew, or those of a scenario, at
// its distances.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "scenario/scenario.h"
#include "sim/network_rules.h"

namespace tdn::sim {

struct PlannedSite {
  std::string name;
  std::string manifest;   // a Site
  bool inside = false;    // the fence of the tenants fenced and moving
  scenario::Place place;  // of a scenario
  // Of its engine. 0: the seed draws it.
  Duration first_token{};
  Duration token{};
  std::uint64_t room = 0;  // requests taken together
};

struct PlannedTenant {
  std::string name;
  std::string project;
  Fence fence = Fence::kNone;
  std::set<std::string> only;  // Fence::kSites: the sites that policies leave to it
};

// Where clients are.
struct PlannedCity {
  std::string name;
  std::string location;   // as `tdn-client-location` says it
  std::size_t entry = 0;  // the site nearest to it
  scenario::Place place;
};

struct NetworkPlan {
  const scenario::Scenario* scenario = nullptr;  // whose distances hold; null: the seed draws them
  std::vector<PlannedSite> sites;
  std::vector<PlannedTenant> tenants;
  std::vector<PlannedCity> cities;  // empty: each site has clients of its own
  std::vector<std::string> inside;  // the countries of the fence
  std::vector<std::string> countries;
  std::string manifests;  // a scenario's own zones, tenants, projects and policies
};

// Frankfurt, Paris and Ashburn, at no distance in particular.
[[nodiscard]] NetworkPlan three_sites();

// The scenario's sites and cities, its engines' speeds, its tenants and what its policies leave to
// them, read from its text by the simulator itself; endpoints and models are the simulator's. The
// fence is around the country of its first site. The scenario is borrowed. kInvalid: it has a
// policy that this does not understand.
[[nodiscard]] Result<NetworkPlan> plan_of(const scenario::Scenario& scenario);

}  // namespace tdn::sim
