// Fills a spec from a YAML mapping by the declarations of describe.cc, and remembers what later
// checks need: the line of every field and every name that must exist elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/yaml.h"
#include "domain/fields.h"
#include "domain/problems.h"

namespace tdn::domain::detail {

// A field that names another object.
struct Reference {
  Place place;
  std::string path;
  Kind kind;
  std::string target;
};

// What is known while a set of manifests is read.
struct ReadContext {
  Problems problems;
  std::vector<Reference> references;
  std::string file;                            // being read
  std::unordered_map<std::string, int> lines;  // of the object being read: path → line

  // Of a field of the object being read.
  [[nodiscard]] Place place(const std::string& path) const;
  void wrong(const std::string& path, std::string_view what);
};

// Reads the fields that `describe` declares from `node` at `path`. Faults go to the context's
// problems; the fields concerned keep their defaults.
void read_object(ReadContext& context, const codec::yaml::Node& node, const std::string& path,
                 const FieldVisitor::Describe& describe);

}  // namespace tdn::domain::detail
