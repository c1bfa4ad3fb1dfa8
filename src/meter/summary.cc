#include "meter/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "codec/hex.h"

namespace tdn::meter {
namespace {

struct DimensionName {
  std::string_view name;
  std::string_view kind;
};
constexpr std::array<DimensionName, 8> kNames{{{"tenant", "Tenant"},
                                               {"project", "Project"},
                                               {"key", "Key"},
                                               {"model", "Model"},
                                               {"site", "Site"},
                                               {"endpoint", "Endpoint"},
                                               {"user", ""},
                                               {"tag", ""}}};

Uid owner(const UsageRecord& record, OwnerKind kind) {
  for (const Owner& owner : record.owners) {
    if (owner.kind == kind) {
      return owner.uid;
    }
  }
  return {};
}

Summary::Value value_of(const UsageCell& cell, Dimension dimension, std::string_view tag) {
  switch (dimension) {
    case Dimension::kTenant:
      return {cell.tenant, {}};
    case Dimension::kProject:
      return {cell.project, {}};
    case Dimension::kKey:
      return {cell.key, {}};
    case Dimension::kModel:
      return {cell.model, {}};
    case Dimension::kSite:
      return {cell.site, {}};
    case Dimension::kEndpoint:
      return {cell.endpoint, {}};
    case Dimension::kUser:
      return {{}, cell.user == Digest{} ? "" : codec::to_hex(cell.user)};
    case Dimension::kTag:
      return {{}, std::string(tag)};
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

bool is_attribution(Dimension dimension) {
  return dimension == Dimension::kUser || dimension == Dimension::kTag;
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
                  fmt::format("--by takes tenant, project, key, model, site, endpoint, user, tag, "
                              "each once, separated by commas; not \"{}\"",
                              text.substr(0, 200)));
    }
    dimensions.push_back(dimension);
    from = comma + 1;
  }
  return dimensions;
}

SummaryRow& SummaryRow::operator+=(const SummaryRow& other) {
  requests += other.requests;
  tokens += other.tokens;
  amount += other.amount;
  return *this;
}

UsageCell cell_of(const UsageRecord& record, const TenantAnnex* annex) {
  UsageCell cell;
  cell.tenant = owner(record, OwnerKind::kTenant);
  cell.project = owner(record, OwnerKind::kProject);
  cell.key = owner(record, OwnerKind::kKey);
  cell.model = record.served.model;
  cell.site = record.serving.site;
  cell.endpoint = record.serving.endpoint;
  cell.currency = record.charged.currency;
  if (annex != nullptr) {
    cell.user = annex->user_hash;
    cell.tags = annex->tags;
    std::ranges::sort(cell.tags);
    const auto repeated = std::ranges::unique(cell.tags);
    cell.tags.erase(repeated.begin(), repeated.end());
  }
  return cell;
}

SummaryRow row_of(const UsageRecord& record) {
  return {.requests = 1, .tokens = record.reported.totals(), .amount = record.charged.amount};
}

void Summary::add(const UsageRecord& record, const TenantAnnex* annex) {
  if (is_usage(record)) {
    add(cell_of(record, annex), row_of(record));
  }
}

void Summary::add(const UsageCell& cell, const SummaryRow& row) {
  if (cell.tags.empty() || std::ranges::count(by_, Dimension::kTag) == 0) {
    add_with_tag(cell, "", row);
    return;
  }
  for (const std::string& tag : cell.tags) {
    add_with_tag(cell, tag, row);
  }
}

bool Summary::wants_attribution() const { return std::ranges::any_of(by_, is_attribution); }

void Summary::add_with_tag(const UsageCell& cell, std::string_view tag, const SummaryRow& row) {
  Key key;
  key.by.reserve(by_.size());
  for (const Dimension dimension : by_) {
    key.by.push_back(value_of(cell, dimension, tag));
  }
  key.currency = cell.currency;
  rows_[std::move(key)] += row;
}

}  // namespace tdn::meter
