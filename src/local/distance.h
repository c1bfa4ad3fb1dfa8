// The links of a local network whose sites are apart: what `tdn wan` is given, and where each part
// finds another through it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/ports.h"
#include "local/reports.h"
#include "scenario/scenario.h"
#include "wan/config.h"
#include "wan/report.h"

namespace tdn::local {

// City to site, site to site, site to control, each with its round trip; where each listens is left
// open.
[[nodiscard]] wan::Config plan_links(const scenario::Scenario& scenario, const PortPlan& ports,
                                     std::string token_file);

// Where clients of each city enter each site, the nearest first.
[[nodiscard]] std::vector<CityReport> city_reports(const scenario::Scenario& scenario,
                                                   const wan::WanReport& wan);

// Where the link listens.
[[nodiscard]] std::optional<io::Address> link_address(const wan::WanReport& wan,
                                                      std::string_view from, std::string_view to);

}  // namespace tdn::local
