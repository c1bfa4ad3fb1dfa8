#include "local/sites.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "domain/load.h"

namespace tdn::local {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

constexpr std::string_view kDefaultSites = R"(
apiVersion: tdn/v1
kind: Site
metadata: {name: frankfurt}
spec:
  location: {country: DE, city: Frankfurt, latitude: 50.11, longitude: 8.68}
  jurisdiction: {operator: example-telco, keyCustody: DE, logResidency: DE}
---
apiVersion: tdn/v1
kind: Site
metadata: {name: paris}
spec:
  location: {country: FR, city: Paris, latitude: 48.86, longitude: 2.35}
  jurisdiction: {operator: example-telco, keyCustody: FR, logResidency: FR}
---
apiVersion: tdn/v1
kind: Site
metadata: {name: ashburn}
spec:
  location: {country: US, city: Ashburn, latitude: 39.04, longitude: -77.49}
  jurisdiction: {operator: example-telco, keyCustody: US, logResidency: US}
)";

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

std::vector<SitePlan> default_sites() {
  Result<std::vector<SitePlan>> sites = parse_sites(kDefaultSites, "the default sites");
  TDN_ASSERT(sites.has_value());
  return *std::move(sites);
}

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
    sites.push_back({std::move(name), std::move(document)});
  }
  if (sites.empty() || sites.size() > kMostSites) {
    return fail(Code::kInvalid,
                fmt::format("{}: {} sites; --sites takes 1 to {}", file, sites.size(), kMostSites));
  }
  return sites;
}

}  // namespace tdn::local
