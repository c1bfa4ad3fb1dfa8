#include "codec/yaml_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tdn::codec {

using yaml::Node;

Error YamlFields::wrong(const Node& node, std::string_view what) const {
  return {Code::kInvalid, fmt::format("{}:{}:{}: {}", file_, node.line, node.column, what)};
}

const Node* YamlFields::take(std::string_view name) {
  taken_.emplace_back(name);
  return node_.find(name);
}

Result<std::string> YamlFields::text(std::string_view name, std::optional<std::string> otherwise) {
  const Node* node = take(name);
  if (node == nullptr && otherwise) {
    return *std::move(otherwise);
  }
  if (node == nullptr) {
    return fail(wrong(fmt::format("{} is missing; give it", name)));
  }
  if (!node->is_scalar() || node->text.empty()) {
    return fail(wrong(*node, fmt::format("{} must be a text that is not empty", name)));
  }
  return node->text;
}

Result<double> YamlFields::number(std::string_view name, const Bounds& bounds) {
  const Node* node = take(name);
  if (node == nullptr && bounds.otherwise) {
    return *bounds.otherwise;
  }
  if (node == nullptr) {
    return fail(wrong(fmt::format("{} is missing; give a number", name)));
  }
  double value = 0;
  const char* end = node->text.data() + node->text.size();
  const auto read = std::from_chars(node->text.data(), end, value);
  if (!node->is_scalar() || node->quoted || read.ec != std::errc() || read.ptr != end ||
      !std::isfinite(value) || value < bounds.least || value > bounds.most) {
    return fail(wrong(
        *node, fmt::format("{} must be a number from {} to {}", name, bounds.least, bounds.most)));
  }
  return value;
}

Result<bool> YamlFields::flag(std::string_view name, bool otherwise) {
  const Node* node = take(name);
  if (node == nullptr) {
    return otherwise;
  }
  if (!node->is_scalar() || node->quoted || (node->text != "true" && node->text != "false")) {
    return fail(wrong(*node, fmt::format("{} must be true or false", name)));
  }
  return node->text == "true";
}

Result<void> YamlFields::done() const {
  if (!node_.is_mapping()) {
    return fail(wrong("must be a mapping of fields to values"));
  }
  for (const yaml::Entry& entry : node_.entries) {
    if (std::ranges::find(taken_, entry.key) == taken_.end()) {
      return fail(Code::kInvalid,
                  fmt::format("{}:{}:{}: unknown field {}; the fields are in {}", file_, entry.line,
                              entry.column, entry.key, reference_));
    }
  }
  return {};
}

}  // namespace tdn::codec
