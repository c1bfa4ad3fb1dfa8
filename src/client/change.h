// What control says after a change: what became of each object, and which edges serve by it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "codec/tree.h"

namespace tdn::client {

struct ChangedObject {
  std::string kind;    // "Site"
  std::string name;    // "frankfurt"
  std::string action;  // "created", "configured", "unchanged", "deleted", "missing"
};

struct Change {
  std::vector<ChangedObject> objects;
  std::string snapshot;                   // "1.7": control's epoch and the version; empty if none
  std::vector<std::string> acknowledged;  // edges, by site
  std::vector<std::string> missing;       // connected ones that did not in time
};

// kUpstreamError if the answer is not of that shape.
[[nodiscard]] Result<Change> read_change(const codec::yaml::Node& answer);

// `{"sources":[…],"dryRun":…}`, the body of an apply.
struct ManifestText {
  std::string name;  // as told in errors
  std::string text;
};
[[nodiscard]] std::string apply_body(std::span<const ManifestText> sources, bool dry_run);

struct NamedObject {
  std::string kind;  // "Site"
  std::string name;
};
[[nodiscard]] std::string delete_body(std::span<const NamedObject> objects);

struct IssuedKey {
  Secret key;
  std::string id;
  Change change;
};
[[nodiscard]] Result<IssuedKey> read_issued_key(const codec::yaml::Node& answer);

}  // namespace tdn::client
