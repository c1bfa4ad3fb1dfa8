// The manifests of a local network: what `tdn up` would otherwise have an operator write. They are
// the best example to copy from, so they are written to be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "local/sites.h"

namespace tdn::local {

// What the engines say they serve.
struct ServedModel {
  std::string engine_name;          // as the engine calls it
  std::int64_t context_length = 0;  // 0: not known
  bool simulated = false;
};

struct SiteDescription {
  SitePlan plan;
  std::string gateway;  // URLs
  std::string engine;
  std::string engine_model = {};  // as this engine calls the model; empty: as the network says
};

struct NetworkDescription {
  ServedModel model;
  std::vector<SiteDescription> sites;
  Secret key;                                // well-formed; only its digest is written
  std::vector<codec::yaml::Node> more = {};  // manifests of a scenario; theirs replace ours
};

// The public name for a model: `smollm2` for the default model and for the simulated one that
// stands in for it, else the engine's name made a DNS label.
[[nodiscard]] std::string public_model_name(const ServedModel& model);

struct ManifestFile {
  std::string name;
  std::string text;
};
// sites.yaml, models.yaml and tenants.yaml, and scenario.yaml where there is more: each object
// needs only those before it.
[[nodiscard]] std::vector<ManifestFile> write_manifests(const NetworkDescription& network);

// Kind and name of each object in such a file, in its order; none if it is no manifest file.
struct ObjectLabel {
  std::string kind;
  std::string name;
  bool operator==(const ObjectLabel&) const = default;
};
[[nodiscard]] std::vector<ObjectLabel> objects_in(std::string_view yaml);
// The endpoint that a site has in such manifests.
[[nodiscard]] std::string endpoint_of(std::string_view site);

}  // namespace tdn::local
