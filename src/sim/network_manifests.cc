#include "sim/detail/network_manifests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sim/engine.h"

namespace tdn::sim {
namespace {

constexpr std::string_view kWorld = R"(apiVersion: tdn/v1
kind: Zone
metadata: {{name: inside}}
spec: {{countries: {}}}
---
apiVersion: tdn/v1
kind: Zone
metadata: {{name: anywhere}}
spec: {{countries: {}}}
---
apiVersion: tdn/v1
kind: Model
metadata: {{name: {}}}
spec: {{price: {{currency: USD, perMillion: {{input: "0.02", cachedInput: "0.005", output: "0.04"}}}}}}
---
apiVersion: tdn/v1
kind: Policy
metadata: {{name: always}}
spec: {{rules: [{{match: {{tenants: [fenced]}}, require: {{zones: [inside]}}}}]}}
---
)";

constexpr std::string_view kEndpoint = R"(apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: {0}-1}}
spec: {{site: {0}, kind: {1}, url: "http://{2}", models: [{{model: {3}}}], concurrency: {4}}}
---
)";

constexpr std::string_view kTenant = R"(apiVersion: tdn/v1
kind: Tenant
metadata: {{name: {}}}
---
)";

constexpr std::string_view kKey = R"(apiVersion: tdn/v1
kind: Project
metadata: {{name: {0}}}
---
apiVersion: tdn/v1
kind: Key
metadata: {{name: {0}/k}}
spec: {{secrets: [{{id: {1}, sha256: "{2}"}}]}}
---
)";

constexpr std::string_view kMoving = R"(apiVersion: tdn/v1
kind: Policy
metadata: {{name: moving}}
spec: {{rules: [{{match: {{tenants: [moving]}}, require: {{zones: [{}]}}}}]}}
)";

constexpr std::string_view kClosed =
    R"("match":{"tenants":["moving"]},"require":{"zones":["inside"]})";

// Quoted: `NO` is a country.
std::string list_of(const std::vector<std::string>& countries) {
  return fmt::format("[\"{}\"]", fmt::join(countries, "\", \""));
}

}  // namespace

// 10⁻¹² USD per token.
const meter::ListPrice kNetworkPrice{{{'U', 'S', 'D'}}, Price{20'000}, Price{5'000}, Price{40'000}};

std::string network_manifests(const NetworkPlan& plan, const std::vector<EngineText>& engines,
                              const std::vector<KeyText>& keys) {
  std::string text = fmt::format(kWorld, list_of(plan.inside), list_of(plan.countries), kSimModel);
  for (std::size_t i = 0; i < plan.sites.size(); ++i) {
    const PlannedSite& site = plan.sites[i];
    text += site.manifest + "---\n" +
            fmt::format(kEndpoint, site.name, i % 2 == 0 ? "tdn" : "openai", engines[i].address,
                        kSimModel, engines[i].room);
  }
  text += plan.manifests;
  for (std::size_t i = 0; i < plan.tenants.size(); ++i) {
    if (plan.tenants[i].fence != Fence::kSites) {
      text += fmt::format(kTenant, plan.tenants[i].name);
    }
    text += fmt::format(kKey, plan.tenants[i].project, keys[i].id, keys[i].sha256);
  }
  return text + fence_manifest(false);
}

std::string fence_manifest(bool closed) {
  return fmt::format(kMoving, closed ? "inside" : "anywhere");
}

bool is_fenced(const control::Published& snapshot) {
  return std::ranges::any_of(snapshot.sections, [](const auto& section) {
    return section.second->find(kClosed) != std::string::npos;
  });
}

}  // namespace tdn::sim
