#include "cli/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tdn::cli {
namespace {

using codec::yaml::Node;
using codec::yaml::node_at;
using codec::yaml::text_at;
using Context = ColumnContext;

Cell text(const Node& object, std::string_view path) {
  return {std::string(text_at(object, path))};
}

std::string joined(const Node& object, std::string_view path, std::string_view member = {}) {
  const Node* list = node_at(object, path);
  std::string all;
  for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    all += i == 0 ? "" : ",";
    all += member.empty() ? list->items[i].text : text_at(list->items[i], member);
  }
  return all;
}

Cell name(const Node& object, const Context&) { return text(object, "metadata.name"); }

Cell age(const Node& object, const Context& context) {
  const auto created = parse_rfc3339(text_at(object, "metadata.createdAt"));
  return created ? short_age(*created, context.now) : std::string();
}

Cell limits(const Node& object, const Context&) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kLimits{
      {{"spec.limits.requestsPerMinute", "req/min"},
       {"spec.limits.tokensPerMinute", "tok/min"},
       {"spec.limits.concurrency", "at once"}}};
  std::string all;
  for (const auto& [path, unit] : kLimits) {
    const std::string_view number = text_at(object, path);
    if (!number.empty() && number != "0") {
      all += fmt::format("{}{} {}", all.empty() ? "" : ", ", number, unit);
    }
  }
  return all;
}

const client::SiteView* site_of(const Context& context, std::string_view name) {
  return context.network == nullptr ? nullptr : context.network->find(name);
}
const client::SiteView* this_site(const Node& object, const Context& context) {
  return site_of(context, text_at(object, "metadata.name"));
}
const client::EndpointView* this_endpoint(const Node& object, const Context& context) {
  const client::SiteView* site = site_of(context, text_at(object, "spec.site"));
  return site == nullptr ? nullptr : site->find(text_at(object, "metadata.name"));
}

Cell state_of(const Node& object, const Context& context) {
  const client::SiteView* site = this_site(object, context);
  const std::string_view wanted = text_at(object, "spec.state");
  return site != nullptr ? site_cell(*site) : health_cell(wanted.empty() ? "active" : wanted);
}

constexpr ColumnSpec kName{"NAME", false, Align::kLeft, name};
constexpr ColumnSpec kAge{"AGE", false, Align::kRight, age};
constexpr ColumnSpec kUid{"UID", true, Align::kLeft,
                          [](const Node& o, const Context&) { return text(o, "metadata.uid"); }};

// clang-format off
constexpr ColumnSpec kZone[] = {
    kName,
    {"COUNTRIES", false, Align::kLeft, [](const Node& o, const Context&) -> Cell { return joined(o, "spec.countries"); }},
    {"OPERATORS", false, Align::kLeft, [](const Node& o, const Context&) -> Cell { return joined(o, "spec.operators"); }},
    {"CERTIFICATIONS", false, Align::kLeft, [](const Node& o, const Context&) -> Cell { return joined(o, "spec.certifications"); }},
    kAge, kUid};

constexpr ColumnSpec kSite[] = {
    kName,
    {"CITY", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.location.city"); }},
    {"COUNTRY", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.location.country"); }},
    {"STATE", false, Align::kLeft, [](const Node& o, const Context& c) { return state_of(o, c); }},
    {"GATEWAY", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.gateway"); }},
    kAge,
    {"CONNECTED", true, Align::kLeft, [](const Node& o, const Context& c) -> Cell {
       const client::SiteView* site = this_site(o, c);
       return site == nullptr ? Cell() : site->connected ? Cell("yes", Colour::kGood) : Cell("no", Colour::kBad);
     }},
    {"SYNCED", true, Align::kRight, [](const Node& o, const Context& c) -> Cell {
       const client::SiteView* site = this_site(o, c);
       return site == nullptr || !site->last_sync ? Cell() : Cell(short_age(*site->last_sync, c.now));
     }},
    {"SNAPSHOT", true, Align::kRight, [](const Node& o, const Context& c) -> Cell {
       const client::SiteView* site = this_site(o, c);
       return site == nullptr ? Cell() : Cell(site->snapshot);
     }},
    {"ACKED", true, Align::kRight, [](const Node& o, const Context& c) -> Cell {
       const client::SiteView* site = this_site(o, c);
       return site == nullptr ? Cell() : Cell(site->acked);
     }},
    {"OPERATOR", true, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.jurisdiction.operator"); }},
    kUid};

constexpr ColumnSpec kModel[] = {
    kName,
    {"ALIASES", false, Align::kLeft, [](const Node& o, const Context&) -> Cell { return joined(o, "spec.aliases"); }},
    {"CONTEXT", false, Align::kRight, [](const Node& o, const Context&) { return text(o, "spec.contextLength"); }},
    {"INPUT", false, Align::kRight, [](const Node& o, const Context&) { return text(o, "spec.price.perMillion.input"); }},
    {"CACHED", false, Align::kRight, [](const Node& o, const Context&) { return text(o, "spec.price.perMillion.cachedInput"); }},
    {"OUTPUT", false, Align::kRight, [](const Node& o, const Context&) { return text(o, "spec.price.perMillion.output"); }},
    {"PER MILLION", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.price.currency"); }},
    kAge, kUid};

constexpr ColumnSpec kEndpoint[] = {
    kName,
    {"SITE", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.site"); }},
    {"KIND", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.kind"); }},
    {"MODELS", false, Align::kLeft, [](const Node& o, const Context&) -> Cell { return joined(o, "spec.models", "model"); }},
    {"URL", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.url"); }},
    kAge,
    {"HEALTH", false, Align::kLeft, [](const Node& o, const Context& c) -> Cell {
       const client::EndpointView* endpoint = this_endpoint(o, c);
       return endpoint == nullptr ? Cell() : health_cell(endpoint->health);
     }},
    {"RUNNING", true, Align::kRight, [](const Node& o, const Context& c) -> Cell {
       const client::EndpointView* endpoint = this_endpoint(o, c);
       return endpoint == nullptr ? Cell() : Cell(std::to_string(endpoint->running));
     }},
    {"WAITING", true, Align::kRight, [](const Node& o, const Context& c) -> Cell {
       const client::EndpointView* endpoint = this_endpoint(o, c);
       return endpoint == nullptr ? Cell() : Cell(std::to_string(endpoint->waiting));
     }},
    {"TOKENS/S", true, Align::kRight, [](const Node& o, const Context& c) -> Cell {
       const client::EndpointView* endpoint = this_endpoint(o, c);
       return endpoint == nullptr ? Cell() : Cell(std::to_string(endpoint->tokens_per_second));
     }},
    {"CONCURRENCY", true, Align::kRight, [](const Node& o, const Context&) { return text(o, "spec.concurrency"); }},
    kUid};

constexpr ColumnSpec kTenant[] = {
    kName,
    {"DISPLAY NAME", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.displayName"); }},
    {"OBJECTIVE", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.objective"); }},
    {"LIMITS", false, Align::kLeft, limits},
    kAge, kUid};

constexpr ColumnSpec kProject[] = {
    kName,
    {"OBJECTIVE", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.objective"); }},
    {"LIMITS", false, Align::kLeft, limits},
    kAge, kUid};

constexpr ColumnSpec kKey[] = {
    kName,
    {"MODELS", false, Align::kLeft, [](const Node& o, const Context&) -> Cell {
       const std::string models = joined(o, "spec.models");
       return models.empty() ? std::string("all") : models;
     }},
    {"SECRETS", false, Align::kLeft, [](const Node& o, const Context&) -> Cell { return joined(o, "spec.secrets", "id"); }},
    {"LIMITS", false, Align::kLeft, limits},
    {"EXPIRES", false, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.expires"); }},
    kAge,
    {"OBJECTIVE", true, Align::kLeft, [](const Node& o, const Context&) { return text(o, "spec.objective"); }},
    kUid};

constexpr ColumnSpec kPolicy[] = {
    kName,
    {"RULES", false, Align::kRight, [](const Node& o, const Context&) -> Cell {
       const Node* rules = node_at(o, "spec.rules");
       return std::to_string(rules == nullptr ? 0 : rules->items.size());
     }},
    {"TENANTS", false, Align::kLeft, [](const Node& o, const Context&) -> Cell {
       const Node* rules = node_at(o, "spec.rules");
       return rules == nullptr || rules->items.empty() ? std::string() : joined(rules->items[0], "match.tenants");
     }},
    {"ZONES", false, Align::kLeft, [](const Node& o, const Context&) -> Cell {
       const Node* rules = node_at(o, "spec.rules");
       return rules == nullptr || rules->items.empty() ? std::string() : joined(rules->items[0], "require.zones");
     }},
    kAge, kUid};
// clang-format on

}  // namespace

std::span<const ColumnSpec> columns_of(domain::Kind kind) {
  switch (kind) {
    case domain::Kind::kZone:
      return kZone;
    case domain::Kind::kSite:
      return kSite;
    case domain::Kind::kModel:
      return kModel;
    case domain::Kind::kEndpoint:
      return kEndpoint;
    case domain::Kind::kTenant:
      return kTenant;
    case domain::Kind::kProject:
      return kProject;
    case domain::Kind::kKey:
      return kKey;
    case domain::Kind::kPolicy:
      return kPolicy;
  }
  return {};
}

std::string short_age(WallTime from, WallTime now) {
  const std::int64_t seconds = std::max<std::int64_t>(0, (now.us - from.us) / 1'000'000);
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  if (seconds < 2 * kMinute) {
    return fmt::format("{}s", seconds);
  }
  if (seconds < 2 * kHour) {
    return fmt::format("{}m", seconds / kMinute);
  }
  return seconds < 2 * kDay ? fmt::format("{}h", seconds / kHour)
                            : fmt::format("{}d", seconds / kDay);
}

Cell site_cell(const client::SiteView& site) {
  if (site.quarantined) {
    return {"quarantined", Colour::kBad};
  }
  if (site.connected) {
    return health_cell(site.state);
  }
  return {site.state == "active" ? "away" : site.state + ", away", Colour::kBad};
}

Cell health_cell(std::string_view health) {
  const bool good = health == "up" || health == "active";
  return {std::string(health), good               ? Colour::kGood
                               : health == "down" ? Colour::kBad
                                                  : Colour::kWarning};
}

}  // namespace tdn::cli
