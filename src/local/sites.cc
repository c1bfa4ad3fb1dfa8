#include "local/sites.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/load.h"
#include "scenario/builtin.h"

namespace tdn::local {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

// What `tdn up` says itself.
void forget_gateway(Node& site) {
  for (codec::yaml::Entry& entry : site.entries) {
    if (entry.key == "spec") {
      std::erase_if(entry.value.entries,
                    [](const codec::yaml::Entry& field) { return field.key == "gateway"; });
    }
  }
}

}  // namespace

std::vector<SitePlan> sites_of(const scenario::Scenario& scenario) {
  std::vector<SitePlan> sites;
  for (const scenario::Site& site : scenario.sites) {
    SitePlan& plan = sites.emplace_back(
        SitePlan{.name = site.name, .manifest = site.manifest, .engine = site.engine});
    forget_gateway(plan.manifest);
  }
  return sites;
}

std::vector<SitePlan> default_sites() { return sites_of(scenario::builtin_scenario("three")); }

Result<std::vector<SitePlan>> parse_sites(std::string_view text, const std::string& file) {
  const domain::Source source{.name = file, .text = std::string(text)};
  TDN_TRY_VOID(domain::parse_manifests(std::span(&source, 1)));
  TDN_TRY(std::vector<Node> documents, codec::yaml::parse(text, file));
  std::vector<SitePlan> sites;
  for (Node& document : documents) {
    if (text_at(document, "kind") != "Site") {
      return fail(Code::kInvalid,
                  fmt::format("{}:{}: a {}; --sites takes nothing but Sites, the rest goes through "
                              "`tdn apply` once the network runs",
                              file, document.line, text_at(document, "kind")));
    }
    std::string name(text_at(document, "metadata.name"));
    forget_gateway(document);
    sites.push_back({.name = std::move(name), .manifest = std::move(document)});
  }
  if (sites.empty() || sites.size() > kMostSites) {
    return fail(Code::kInvalid,
                fmt::format("{}: {} sites; --sites takes 1 to {}", file, sites.size(), kMostSites));
  }
  return sites;
}

}  // namespace tdn::local
