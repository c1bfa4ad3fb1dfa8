// The example of docs/reference/formats (all kinds, every field that is built), for tests.
#pragma once

#include <string_view>

namespace tdn::domain {

inline constexpr std::string_view kExample = R"(apiVersion: tdn/v1
kind: Zone
metadata: {name: eu, labels: {}}
spec: {countries: [DE, FR], operators: [], certifications: []}
---
apiVersion: tdn/v1
kind: Site
metadata: {name: frankfurt}
spec:
  location: {country: DE, city: Frankfurt, latitude: 50.11, longitude: 8.68}
  jurisdiction: {operator: example-telco, keyCustody: DE, logResidency: DE, certifications: [iso27001]}
  gateway: http://127.0.0.1:8080
  reach: direct
  owner: accounts/frankfurt-colo
  state: active
---
apiVersion: tdn/v1
kind: Model
metadata: {name: smollm2}
spec:
  aliases: [smollm2-135m]
  contextLength: 8192
  price: {currency: USD, perMillion: {input: "0.02", cachedInput: "0.005", output: "0.04"}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {name: frankfurt-1}
spec:
  site: frankfurt
  kind: tdn
  url: http://127.0.0.1:8082
  models: [{model: smollm2, as: SmolLM2-135M-Instruct}]
  concurrency: 8
  cost: {currency: USD, perMillion: {input: "0.01", cachedInput: "0.002", output: "0.02"}}
  dataCollection: deny
  credential: {file: upstream.key}
---
apiVersion: tdn/v1
kind: Tenant
metadata: {name: demo}
spec: {displayName: Demo, partner: "", privacy: {}}
---
apiVersion: tdn/v1
kind: Tenant
metadata: {name: other}
---
apiVersion: tdn/v1
kind: Project
metadata: {name: demo/playground}
spec: {}
---
apiVersion: tdn/v1
kind: Key
metadata: {name: demo/playground/laptop}
spec:
  models: [smollm2]
  limits: {requestsPerMinute: 600, tokensPerMinute: 200000, concurrency: 64}
  objective: balanced
  expires: 2027-12-31T00:00:00Z
  secrets: [{id: jhvry0xfy6, sha256: a61d1ae3fb91e4369d436585d8bd8d489f83357829b64d999e0edd496e500035}]
---
apiVersion: tdn/v1
kind: Policy
metadata: {name: demo-stays-in-eu}
spec:
  rules:
    - {match: {tenants: [demo], projects: [], keys: [], models: [], clientCountries: [], dataClasses: []}, require: {zones: [eu]}}
    - {match: {tenants: [other]}, deny: "contract ended"}
)";

}  // namespace tdn::domain
