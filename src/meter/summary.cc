#include "meter/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace tdn::meter {
namespace {

struct DimensionName {
  std::string_view name;
  std::string_view kind;
};
constexpr std::array<DimensionName, 6> kNames{{{"tenant", "Tenant"},
                                               {"project", "Project"},
                                               {"key", "Key"},
                                               {"model", "Model"},
                                               {"site", "Site"},
                                               {"endpoint", "Endpoint"}}};

Uid owner(const UsageRecord& record, OwnerKind kind) {
  for (const Owner& owner : record.owners) {
    if (owner.kind == kind) {
      return owner.uid;
    }
  }
  return {};
}

Uid value_of(const UsageRecord& record, Dimension dimension) {
  switch (dimension) {
    case Dimension::kTenant:
      return owner(record, OwnerKind::kTenant);
    case Dimension::kProject:
      return owner(record, OwnerKind::kProject);
    case Dimension::kKey:
      return owner(record, OwnerKind::kKey);
    case Dimension::kModel:
      return record.served.model;
    case Dimension::kSite:
      return record.serving.site;
    case Dimension::kEndpoint:
      return record.serving.endpoint;
  }
  return {};
}

}  // namespace

std::string_view name_of(Dimension dimension) {
  return kNames[static_cast<std::size_t>(dimension)].name;
}

std::string_view kind_of(Dimension dimension) {
  return kNames[static_cast<std::size_t>(dimension)].kind;
}

Result<std::vector<Dimension>> parse_dimensions(std::string_view text) {
  std::vector<Dimension> dimensions;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    const std::string_view name = text.substr(from, comma - from);
    const auto found = std::ranges::find(kNames, name, &DimensionName::name);
    const auto dimension = static_cast<Dimension>(found - kNames.begin());
    if (found == kNames.end() || std::ranges::count(dimensions, dimension) > 0) {
      return fail(Code::kInvalid,
                  fmt::format("--by takes tenant, project, key, model, site, endpoint, each once, "
                              "separated by commas; not \"{}\"",
                              text));
    }
    dimensions.push_back(dimension);
    from = comma + 1;
  }
  return dimensions;
}

void Summary::add(const UsageRecord& record) {
  if (record.side == Side::kSold) {
    return;
  }
  Key key;
  key.by.reserve(by_.size());
  for (const Dimension dimension : by_) {
    key.by.push_back(value_of(record, dimension));
  }
  key.currency = record.charged.currency;
  SummaryRow& row = rows_[std::move(key)];
  ++row.requests;
  row.tokens += record.reported.totals();
  row.amount += record.charged.amount;
}

}  // namespace tdn::meter
