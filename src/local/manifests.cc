#include "local/manifests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "codec/hex.h"
#include "codec/json_writer.h"
#include "codec/sha256.h"
#include "codec/tree.h"
#include "domain/api_key.h"
#include "domain/manifest.h"

namespace tdn::local {
namespace {

using codec::yaml::Node;

constexpr std::string_view kHead =
    "# What `tdn up` applied last. To change the network, apply manifests of your own; what "
    "stands\n"
    "# here is applied again only where it differs from the start before.\n";

constexpr std::string_view kZones = R"(apiVersion: tdn/v1
kind: Zone
metadata: {name: eu}
spec:
  countries:
    [AT, BE, BG, CY, CZ, DE, DK, EE, ES, FI, FR, GR, HR, HU, IE, IT, LT, LU, LV, MT, NL, PL, PT, RO,
     SE, SI, SK]
---
apiVersion: tdn/v1
kind: Zone
metadata: {name: us}
spec: {countries: [US]}
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
metadata: {{name: {endpoint}}}
spec:
  site: {site}
  kind: tdn
  url: {url}
  models: [{{model: {model}, as: {engine_name}}}]
{details})";

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

// Of an endpoint, as its scenario says.
// Of an Endpoint: its cost, and how many requests at once where its engine has more slots than an
// Endpoint takes requests by default.
std::string engine_details(const scenario::Engine& engine) {
  std::string details;
  if (const int slots = scenario::slots_of(engine); slots > domain::EndpointSpec{}.concurrency) {
    details += fmt::format("  concurrency: {}\n", slots);
  }
  if (!engine.cost.is_null()) {
    details += "  cost: " + codec::yaml::to_json_line(engine.cost);  // which is YAML
  }
  return details;
}

// A JSON string is a YAML string.
std::string quoted(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

ObjectLabel label_of_object(const Node& document) {
  return {.kind = std::string(codec::yaml::text_at(document, "kind")),
          .name = std::string(codec::yaml::text_at(document, "metadata.name"))};
}

// Documents of ours, but those that a scenario has its own of.
std::string but_theirs(std::string text, const std::vector<Node>& theirs) {
  auto documents = codec::yaml::parse(text, "ours");
  TDN_ASSERT(documents.has_value());
  const auto replaced = [&](const Node& document) {
    return std::ranges::find(theirs, label_of_object(document), label_of_object) != theirs.end();
  };
  if (std::erase_if(*documents, replaced) == 0) {
    return text;  // as it was written, to be read
  }
  std::string rest;
  for (const Node& document : *documents) {
    rest += (rest.empty() ? "" : "---\n") + codec::yaml::to_yaml(document);
  }
  return rest;
}

Node with_gateway(Node site, const std::string& gateway) {
  for (codec::yaml::Entry& entry : site.entries) {
    if (entry.key == "spec" && !gateway.empty()) {
      codec::yaml::Entry& field = entry.value.entries.emplace_back();
      field.key = "gateway";
      field.value.kind = codec::yaml::Kind::kScalar;
      field.value.quoted = true;
      field.value.text = gateway;
    }
  }
  return site;
}

}  // namespace

std::string public_model_name(const ServedModel& model) {
  const std::string label = label_of(model.engine_name);
  const bool is_default = model.simulated || label.starts_with("smollm2-135m");
  return is_default ? std::string(kDefaultModel) : label;
}

std::string endpoint_of(std::string_view site) { return fmt::format("{}-1", site); }

std::vector<ManifestFile> write_manifests(const NetworkDescription& network) {
  std::string sites = std::string(kHead) + but_theirs(std::string(kZones), network.more);
  const std::string model = public_model_name(network.model);
  std::string models(kHead);
  models += but_theirs(fmt::format(kModel, fmt::arg("model", model),
                                   fmt::arg("details", model_details(network.model))),
                       network.more);
  for (const SiteDescription& site : network.sites) {
    sites += "---\n" + codec::yaml::to_yaml(with_gateway(site.plan.manifest, site.gateway));
    models += fmt::format(
        kEndpoint, fmt::arg("endpoint", endpoint_of(site.plan.name)),
        fmt::arg("site", site.plan.name), fmt::arg("url", site.engine), fmt::arg("model", model),
        fmt::arg("engine_name",
                 quoted(site.engine_model.empty() ? network.model.engine_name : site.engine_model)),
        fmt::arg("details", engine_details(site.plan.engine)));
  }
  const auto id = domain::parse_api_key(network.key.reveal());
  TDN_ASSERT(id.has_value());
  const codec::Digest digest = codec::sha256(bytes_of(network.key.reveal()));
  std::vector<ManifestFile> files = {
      {"sites.yaml", sites},
      {"models.yaml", models},
      {"tenants.yaml",
       std::string(kHead) + but_theirs(fmt::format(kTenant, fmt::arg("key_id", id->to_string()),
                                                   fmt::arg("key_sha256", codec::to_hex(digest))),
                                       network.more)},
  };
  if (!network.more.empty()) {
    std::string more(kHead);
    for (const Node& document : network.more) {
      more += (more.size() == kHead.size() ? "" : "---\n") + codec::yaml::to_yaml(document);
    }
    files.push_back({"scenario.yaml", std::move(more)});
  }
  return files;
}

std::vector<ObjectLabel> objects_in(std::string_view yaml) {
  std::vector<ObjectLabel> objects;
  const auto documents = codec::yaml::parse(yaml, "manifests");
  for (const Node& document : documents.value_or(std::vector<Node>{})) {
    objects.push_back(label_of_object(document));
  }
  return objects;
}

}  // namespace tdn::local
