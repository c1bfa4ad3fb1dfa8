// Which sites a local network has: those of a scenario, or those of a file (`--sites`).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/tree.h"
#include "scenario/scenario.h"

namespace tdn::local {

using scenario::kMostSites;

struct SitePlan {
  std::string name;
  codec::yaml::Node manifest;  // a whole Site, without its gateway
  scenario::Engine engine = {};
};

// Frankfurt, Paris and Ashburn: those of the scenario `three`.
[[nodiscard]] std::vector<SitePlan> default_sites();
[[nodiscard]] std::vector<SitePlan> sites_of(const scenario::Scenario& scenario);

// Manifests of kind Site, 1 to 12 documents, in the order in which they get their ports. kInvalid,
// with file, line and remedy, for anything else.
[[nodiscard]] Result<std::vector<SitePlan>> parse_sites(std::string_view text,
                                                        const std::string& file);

}  // namespace tdn::local
