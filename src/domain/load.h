// From the operator's files to checked manifests. Everything is checked before anything is used:
// unknown and duplicate fields, kinds and fields not built yet, bounds, names, references between
// objects. All faults of a load are told at once, each "file:line: path: what is wrong; what to
// do".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/manifest.h"

namespace tdn::domain {

// The text of one file.
struct Source {
  std::string name;  // as told in errors
  std::string text;
};

// Reads and checks manifests that belong together. The error is Code::kInvalid, one fault per line.
[[nodiscard]] Result<Manifests> parse_manifests(std::span<const Source> sources);

// The sources of a path: a file, or the *.yaml, *.yml and *.json of a folder (not of folders in it)
// sorted by name. Code::kMissing if there is none; kUnavailable if one cannot be read.
[[nodiscard]] Result<std::vector<Source>> read_sources(const std::string& path);

// Both.
[[nodiscard]] Result<Manifests> load_manifests(const std::string& path);

}  // namespace tdn::domain
