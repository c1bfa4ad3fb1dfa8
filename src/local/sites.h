// Which sites a local network has: Frankfurt, Paris and Ashburn, or those of a file (`--sites`).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/tree.h"

namespace tdn::local {

inline constexpr std::size_t kMostSites = 12;

struct SitePlan {
  std::string name;
  codec::yaml::Node manifest;  // a whole Site, without its gateway
};

[[nodiscard]] std::vector<SitePlan> default_sites();

// Manifests of kind Site, 1 to 12 documents, in the order in which they get their ports. kInvalid,
// with file, line and remedy, for anything else.
[[nodiscard]] Result<std::vector<SitePlan>> parse_sites(std::string_view text,
                                                        const std::string& file);

}  // namespace tdn::local
