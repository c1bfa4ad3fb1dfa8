#include "sim/network_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "codec/tree.h"

namespace tdn::sim {
namespace {

using codec::yaml::Node;
using codec::yaml::node_at;
using codec::yaml::text_at;

// What a simulated engine does by default (docs/guide/engine.md), for a prompt of this length.
constexpr double kPromptTokens = 100;
constexpr double kPrefillPerToken = 0.0002;  // s
constexpr double kDecodeBase = 0.012;        // s
constexpr int kSlots = 8;

double number_at(const Node& node, std::string_view path, double otherwise) {
  const std::string_view text = text_at(node, path);
  double value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Duration seconds(double value) {
  return std::chrono::round<Duration>(std::chrono::duration<double>(value));
}

std::set<std::string> texts(const Node* sequence) {
  std::set<std::string> all;
  if (sequence != nullptr) {
    for (const Node& item : sequence->items) {
      all.insert(item.text);
    }
  }
  return all;
}

bool is_kind(const Node& manifest, std::string_view kind) {
  return text_at(manifest, "kind") == kind;
}

// Which sites the policies of a scenario leave to its tenants: by reading of our own, for what
// compiles policies in the product is what is tested.
class Fences {
 public:
  explicit Fences(const scenario::Scenario& scenario) : scenario_(scenario) {}

  Result<std::set<std::string>> of(std::string_view tenant) const {
    std::set<std::string> sites;
    for (const scenario::Site& site : scenario_.sites) {
      sites.insert(site.name);
    }
    for (const Node& policy : scenario_.manifests) {
      const Node* rules = is_kind(policy, "Policy") ? node_at(policy, "spec.rules") : nullptr;
      for (std::size_t i = 0; rules != nullptr && i < rules->items.size(); ++i) {
        TDN_TRY_VOID(keep_to(rules->items[i], tenant, sites));
      }
    }
    return sites;
  }

 private:
  static Error not_understood(const Node& node, std::string_view what) {
    return {Code::kInvalid,
            fmt::format("line {}: the simulator understands rules that match tenants and require "
                        "zones, which have countries and operators; {}",
                        node.line, what)};
  }

  Result<void> keep_to(const Node& rule, std::string_view tenant,
                       std::set<std::string>& sites) const {
    for (const codec::yaml::Entry& entry : rule.entries) {
      if (entry.key != "match" && entry.key != "require") {
        return fail(not_understood(entry.value, "not " + entry.key));
      }
    }
    const Node* tenants = nullptr;
    if (const Node* match = rule.find("match")) {
      tenants = match->find("tenants");
      if (match->entries.size() != (tenants == nullptr ? 0U : 1U)) {
        return fail(not_understood(*match, "not this match"));
      }
    }
    if (tenants != nullptr && !texts(tenants).contains(std::string(tenant))) {
      return {};
    }
    const Node* require = rule.find("require");
    const Node* zones = require == nullptr ? nullptr : require->find("zones");
    if (zones == nullptr || require->entries.size() != 1) {
      return fail(not_understood(rule, "not this requirement"));
    }
    std::set<std::string> allowed;
    for (const std::string& zone : texts(zones)) {
      TDN_TRY_VOID(add_zone(zone, *zones, allowed));
    }
    std::erase_if(sites, [&](const std::string& site) { return !allowed.contains(site); });
    return {};
  }

  Result<void> add_zone(const std::string& name, const Node& asked,
                        std::set<std::string>& allowed) const {
    const auto zone = std::ranges::find_if(scenario_.manifests, [&](const Node& node) {
      return is_kind(node, "Zone") && text_at(node, "metadata.name") == name;
    });
    if (zone == scenario_.manifests.end()) {
      return fail(not_understood(asked, "and only zones of the scenario, not " + name));
    }
    const Node* spec = zone->find("spec");
    const Node* countries = spec->find("countries");
    const Node* operators = spec->find("operators");
    for (const codec::yaml::Entry& entry : spec->entries) {
      if (entry.key != "countries" && entry.key != "operators") {
        return fail(not_understood(entry.value, "not " + entry.key));
      }
    }
    for (const scenario::Site& site : scenario_.sites) {
      const std::string country(text_at(site.manifest, "spec.location.country"));
      const std::string party(text_at(site.manifest, "spec.jurisdiction.operator"));
      if ((countries == nullptr || texts(countries).contains(country)) &&
          (operators == nullptr || texts(operators).contains(party))) {
        allowed.insert(site.name);
      }
    }
    return {};
  }

  const scenario::Scenario& scenario_;
};

PlannedSite plan_site(const scenario::Site& site, std::string_view inside) {
  const Node& timing = site.engine.timing;
  const int slots = scenario::slots_of(site.engine);
  return {.name = site.name,
          .manifest = codec::yaml::to_yaml(site.manifest),
          .inside = text_at(site.manifest, "spec.location.country") == inside,
          .place = site.place,
          .first_token =
              seconds(kPromptTokens * number_at(timing, "prefill.perToken", kPrefillPerToken)),
          .token = seconds(number_at(timing, "decode.base", kDecodeBase)),
          .room = static_cast<std::uint64_t>(slots > 0 ? slots : kSlots)};
}

std::size_t nearest(const scenario::Scenario& scenario, const scenario::City& city) {
  const auto found = std::ranges::min_element(scenario.sites, {}, [&](const scenario::Site& site) {
    return scenario.rtt(city.place, site.place);
  });
  return static_cast<std::size_t>(found - scenario.sites.begin());
}

std::vector<PlannedTenant> own_tenants() {
  return {{.name = "free", .project = "free/p", .fence = Fence::kNone, .only = {}},
          {.name = "fenced", .project = "fenced/p", .fence = Fence::kAlways, .only = {}},
          {.name = "moving", .project = "moving/p", .fence = Fence::kByPolicy, .only = {}}};
}

}  // namespace

NetworkPlan three_sites() {
  const auto site = [](std::string_view name, std::string_view country, std::string_view place,
                       bool inside) {
    return PlannedSite{
        .name = std::string(name),
        .manifest = fmt::format("apiVersion: tdn/v1\nkind: Site\nmetadata: {{name: {0}}}\n"
                                "spec: {{location: {{country: {1}, city: {0}, {2}}}, "
                                "owner: accounts/{0}}}\n",
                                name, country, place),
        .inside = inside,
        .place = {}};
  };
  return {.sites = {site("frankfurt", "DE", "latitude: 50.11, longitude: 8.68", true),
                    site("paris", "FR", "latitude: 48.86, longitude: 2.35", false),
                    site("ashburn", "US", "latitude: 39.04, longitude: -77.49", false)},
          .tenants = own_tenants(),
          .cities = {},
          .inside = {"DE"},
          .countries = {"DE", "FR", "US"},
          .manifests = {}};
}

Result<NetworkPlan> plan_of(const scenario::Scenario& scenario) {
  NetworkPlan plan{.scenario = &scenario,
                   .sites = {},
                   .tenants = own_tenants(),
                   .cities = {},
                   .inside = {},
                   .countries = {},
                   .manifests = {}};
  std::set<std::string> countries;
  for (const scenario::Site& site : scenario.sites) {
    countries.emplace(text_at(site.manifest, "spec.location.country"));
  }
  plan.countries.assign(countries.begin(), countries.end());
  plan.inside.emplace_back(text_at(scenario.sites[0].manifest, "spec.location.country"));
  for (const scenario::Site& site : scenario.sites) {
    plan.sites.push_back(plan_site(site, plan.inside[0]));
  }
  for (const scenario::City& city : scenario.cities) {
    plan.cities.push_back(
        {.name = city.name,
         .location = fmt::format("{};{},{}", city.country, city.latitude, city.longitude),
         .entry = nearest(scenario, city),
         .place = city.place});
  }
  const Fences fences(scenario);
  for (const Node& manifest : scenario.manifests) {
    if (is_kind(manifest, "Endpoint") || is_kind(manifest, "Model") || is_kind(manifest, "Key")) {
      continue;
    }
    plan.manifests += codec::yaml::to_yaml(manifest) + "---\n";
    if (is_kind(manifest, "Tenant")) {
      const std::string name(text_at(manifest, "metadata.name"));
      TDN_TRY(std::set<std::string> only, fences.of(name));
      plan.tenants.push_back({.name = name,
                              .project = name + "/simulated",
                              .fence = Fence::kSites,
                              .only = std::move(only)});
    }
  }
  return plan;
}

}  // namespace tdn::sim
