// The columns in which `tdn get` shows each kind.
#pragma once

#include <span>
#include <string>

#include "base/time.h"
#include "cli/table.h"
#include "client/network.h"
#include "codec/tree.h"
#include "domain/manifest.h"

namespace tdn::cli {

// What cells are made of beside the object itself.
struct ColumnContext {
  WallTime now;
  const client::NetworkView* network = nullptr;  // only for wide tables of sites and endpoints
};

struct ColumnSpec {
  std::string_view title;
  bool wide = false;  // only in wide tables
  Align align = Align::kLeft;
  Cell (*cell)(const codec::yaml::Node& object, const ColumnContext& context) = nullptr;
};

[[nodiscard]] std::span<const ColumnSpec> columns_of(domain::Kind kind);

// "45s", "12m", "5h", "9d".
[[nodiscard]] std::string short_age(WallTime from, WallTime now);

// Up is good, down is bad; also for states of sites.
[[nodiscard]] Cell health_cell(std::string_view health);
// "active"; "away" and "quarantined" come before what was written down.
[[nodiscard]] Cell site_cell(const client::SiteView& site);

}  // namespace tdn::cli
