// From the operator's files to checked manifests. Everything is checked before anything is used:
// unknown and duplicate fields, kinds and fields not built yet, bounds, names, references between
// objects. All faults of a load are told at once, each "file:line: path: what is wrong; what to
// do".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/kinds.h"

namespace tdn::domain {

// The text of one file.
struct Source {
  std::string name;  // as told in errors
  std::string text;
};

// What is there already where manifests are laid over others: control's catalogue. Those of the
// same kind and name are replaced.
class Existing {
 public:
  [[nodiscard]] virtual bool has(const ObjectName& object) const = 0;
  // Appends names of that kind, as hints for what was meant; none if there are more than `most`.
  virtual void add_names(Kind kind, std::size_t most,
                         std::vector<std::string_view>& names) const = 0;
  // The object that holds what only one may (claims_of).
  [[nodiscard]] virtual std::optional<ObjectName> holder(const std::string& claim) const = 0;

 protected:
  ~Existing() = default;
};

// What of these objects no other may have: a model's names, a key's secrets.
[[nodiscard]] std::vector<std::string> claims_of(const Object<ModelSpec>& model);
[[nodiscard]] std::vector<std::string> claims_of(const Object<KeySpec>& key);

// Reads and checks manifests that belong together, or that together with what exists do. The error
// is Code::kInvalid, one fault per line.
[[nodiscard]] Result<Manifests> parse_manifests(std::span<const Source> sources,
                                                const Existing* existing = nullptr);

// The sources of a path: a file, or the *.yaml, *.yml and *.json of a folder (not of folders in it)
// sorted by name. Code::kMissing if there is none; kUnavailable if one cannot be read.
[[nodiscard]] Result<std::vector<Source>> read_sources(const std::string& path);

// Both.
[[nodiscard]] Result<Manifests> load_manifests(const std::string& path);

}  // namespace tdn::domain
