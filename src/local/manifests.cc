#include "local/manifests.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "codec/hex.h"
#include "codec/json_writer.h"
#include "codec/sha256.h"
#include "domain/api_key.h"

namespace tdn::local {
namespace {

constexpr std::string_view kHead =
    "# Written by `tdn up` at each start. To run an edge of your own, copy this folder and give it "
    "to\n"
    "# `tdn edge --manifests`.\n";

constexpr std::string_view kSites = R"(apiVersion: tdn/v1
kind: Zone
metadata: {{name: eu}}
spec: {{countries: [DE, FR]}}
---
apiVersion: tdn/v1
kind: Site
metadata: {{name: frankfurt}}
spec:
  location: {{country: DE, city: Frankfurt, latitude: 50.11, longitude: 8.68}}
  jurisdiction: {{operator: example-telco, keyCustody: DE, logResidency: DE}}
{gateway}---
apiVersion: tdn/v1
kind: Site
metadata: {{name: paris}}
spec:
  location: {{country: FR, city: Paris, latitude: 48.86, longitude: 2.35}}
  jurisdiction: {{operator: example-telco, keyCustody: FR, logResidency: FR}}
)";

constexpr std::string_view kModel = R"(apiVersion: tdn/v1
kind: Model
metadata: {{name: {model}}}
spec:
{details}  price: {{currency: USD, perMillion: {{input: "0.02", cachedInput: "0.005", output: "0.04"}}}}
)";

constexpr std::string_view kEndpoint = R"(---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: {site}-1}}
spec:
  site: {site}
  kind: tdn
  url: {url}
  models: [{{model: {model}, as: {engine_name}}}]
)";

constexpr std::string_view kTenant = R"(apiVersion: tdn/v1
kind: Tenant
metadata: {{name: demo}}
spec: {{displayName: Demo}}
---
apiVersion: tdn/v1
kind: Project
metadata: {{name: demo/playground}}
spec: {{}}
---
apiVersion: tdn/v1
kind: Key
metadata: {{name: demo/playground/laptop}}
spec:
  secrets: [{{id: {key_id}, sha256: "{key_sha256}"}}]
---
# Prompts of this tenant never leave the zone, whatever fails.
apiVersion: tdn/v1
kind: Policy
metadata: {{name: demo-stays-in-eu}}
spec:
  rules:
    - {{match: {{tenants: [demo]}}, require: {{zones: [eu]}}}}
)";

// Lower-case letters, digits and single hyphens between them, as a DNS label allows.
std::string label_of(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  std::string label;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      label += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!label.empty() && label.back() != '-') {
      label += '-';
    }
  }
  label.resize(std::min(label.size(), kLongest));
  while (label.ends_with('-')) {
    label.pop_back();
  }
  return label.empty() ? "model" : label;
}

constexpr std::string_view kDefaultModel = "smollm2";

std::string model_details(const ServedModel& model) {
  std::string details;
  if (public_model_name(model) == kDefaultModel) {
    details += "  aliases: [smollm2-135m]\n";
  }
  if (model.context_length > 0) {
    details += fmt::format("  contextLength: {}\n", model.context_length);
  }
  return details;
}

// A JSON string is a YAML string.
std::string quoted(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

}  // namespace

std::string public_model_name(const ServedModel& model) {
  const std::string label = label_of(model.engine_name);
  const bool is_default = model.simulated || label.starts_with("smollm2-135m");
  return is_default ? std::string(kDefaultModel) : label;
}

std::vector<ManifestFile> write_manifests(const NetworkDescription& network) {
  const std::string model = public_model_name(network.model);
  std::string models(kHead);
  models += fmt::format(kModel, fmt::arg("model", model),
                        fmt::arg("details", model_details(network.model)));
  const auto add_endpoint = [&](std::string_view site, const std::string& url) {
    models += fmt::format(kEndpoint, fmt::arg("site", site), fmt::arg("url", url),
                          fmt::arg("model", model),
                          fmt::arg("engine_name", quoted(network.model.engine_name)));
  };
  add_endpoint("frankfurt", network.frankfurt_engine);
  add_endpoint("paris", network.paris_engine);

  const auto id = domain::parse_api_key(network.key.reveal());
  TDN_ASSERT(id.has_value());
  const codec::Digest digest = codec::sha256(bytes_of(network.key.reveal()));
  const std::string gateway =
      network.gateway.empty() ? "" : fmt::format("  gateway: {}\n", network.gateway);
  return {
      {"sites.yaml", std::string(kHead) + fmt::format(kSites, fmt::arg("gateway", gateway))},
      {"models.yaml", models},
      {"tenants.yaml",
       std::string(kHead) + fmt::format(kTenant, fmt::arg("key_id", id->to_string()),
                                        fmt::arg("key_sha256", codec::to_hex(digest)))},
  };
}

}  // namespace tdn::local
