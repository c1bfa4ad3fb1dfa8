// The fields of one mapping (yaml.h), taken by name: for small configurations of our own. What
// nobody took is an unknown field, and every fault is kInvalid with its place:
// "<file>:<line>:<column>: what is wrong; what to do".
//
//   YamlFields fields(node, "wan.yaml", "docs/internals/wan.md");
//   TDN_TRY(const std::string name, fields.text("name"));
//   TDN_TRY(const double rtt, fields.number("rttMs", {.most = 60'000, .otherwise = 0.0}));
//   TDN_TRY_VOID(fields.done());
//
// Borrows the node.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/yaml.h"

namespace tdn::codec {

class YamlFields {
 public:
  struct Bounds {
    double least = 0;
    double most = 0;
    std::optional<double> otherwise = {};  // what a field that is left out means; none: required
  };

  // `reference` is the page that says which fields there are.
  YamlFields(const yaml::Node& node, std::string file, std::string_view reference)
      : node_(node), file_(std::move(file)), reference_(reference) {}

  // Null if it is not there.
  const yaml::Node* take(std::string_view name);
  // Not empty. `otherwise`: what a field that is left out means.
  [[nodiscard]] Result<std::string> text(std::string_view name,
                                         std::optional<std::string> otherwise = {});
  [[nodiscard]] Result<double> number(std::string_view name, const Bounds& bounds);
  [[nodiscard]] Result<bool> flag(std::string_view name, bool otherwise);

  // That the node is a mapping, and all of it was taken.
  [[nodiscard]] Result<void> done() const;
  [[nodiscard]] Error wrong(const yaml::Node& node, std::string_view what) const;
  // About the whole.
  [[nodiscard]] Error wrong(std::string_view what) const { return wrong(node_, what); }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  const yaml::Node& node_;
  std::string file_;
  std::string_view reference_;
  std::vector<std::string> taken_;
};

}  // namespace tdn::codec
