#include "sim/detail/network_manifests.h"

#include <fmt/format.h>

#include <algorithm>

namespace tdn::sim {
namespace {

constexpr std::string_view kWorld = R"(apiVersion: tdn/v1
kind: Zone
metadata: {{name: inside}}
spec: {{countries: [DE]}}
---
apiVersion: tdn/v1
kind: Zone
metadata: {{name: anywhere}}
spec: {{countries: [DE, FR, US]}}
---
apiVersion: tdn/v1
kind: Site
metadata: {{name: frankfurt}}
spec: {{location: {{country: DE, city: F, latitude: 50.11, longitude: 8.68}}, owner: accounts/f}}
---
apiVersion: tdn/v1
kind: Site
metadata: {{name: paris}}
spec: {{location: {{country: FR, city: P, latitude: 48.86, longitude: 2.35}}, owner: accounts/p}}
---
apiVersion: tdn/v1
kind: Site
metadata: {{name: ashburn}}
spec: {{location: {{country: US, city: A, latitude: 39.04, longitude: -77.49}}, owner: accounts/a}}
---
apiVersion: tdn/v1
kind: Model
metadata: {{name: m}}
spec: {{price: {{currency: USD, perMillion: {{input: "0.02", cachedInput: "0.005", output: "0.04"}}}}}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: f}}
spec: {{site: frankfurt, kind: tdn, url: "http://{}", models: [{{model: m}}], concurrency: {}}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: p}}
spec: {{site: paris, kind: openai, url: "http://{}", models: [{{model: m}}]}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: a}}
spec: {{site: ashburn, kind: tdn, url: "http://{}", models: [{{model: m}}], concurrency: 4}}
---
apiVersion: tdn/v1
kind: Policy
metadata: {{name: always}}
spec: {{rules: [{{match: {{tenants: [fenced]}}, require: {{zones: [inside]}}}}]}}
---
)";

constexpr std::string_view kTenant = R"(apiVersion: tdn/v1
kind: Tenant
metadata: {{name: {0}}}
---
apiVersion: tdn/v1
kind: Project
metadata: {{name: {0}/p}}
---
apiVersion: tdn/v1
kind: Key
metadata: {{name: {0}/p/k}}
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

}  // namespace

// 10⁻¹² USD per token.
const meter::ListPrice kNetworkPrice{{{'U', 'S', 'D'}}, Price{20'000}, Price{5'000}, Price{40'000}};

std::string network_manifests(const std::array<std::string, 3>& engines,
                              const std::array<KeyText, 3>& keys, std::uint64_t room) {
  std::string text = fmt::format(kWorld, engines[0], room, engines[1], engines[2]);
  const std::array<std::string_view, 3> tenants{"free", "fenced", "moving"};
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    text += fmt::format(kTenant, tenants[i], keys[i].id, keys[i].sha256);
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
