// Trees of values (yaml.h) from JSON, and to YAML and JSON for people: what commands are told by
// other processes and show to an operator.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/yaml.h"

namespace tdn::codec::yaml {

// JSON as a tree without places (line and column are 0): strings are quoted scalars, numbers and
// booleans plain ones. Unlike `parse` it takes all of JSON, of any size, and duplicate names.
// kInvalid, saying what and where.
[[nodiscard]] Result<Node> from_json(std::string_view text);

// One document in block style, which `parse` reads back as the same tree. What other readers of
// YAML would take for something else than text (`NO`, `1e3`) is quoted if it was text.
[[nodiscard]] std::string to_yaml(const Node& node);

// Indented by two blanks a level, ending with a line feed.
[[nodiscard]] std::string to_json(const Node& node);

// In one line, which ends with a line feed.
[[nodiscard]] std::string to_json_line(const Node& node);

// The text of the scalar at `path`, names separated by dots; empty if there is none.
[[nodiscard]] std::string_view text_at(const Node& node, std::string_view path);
// The node there, null if there is none.
[[nodiscard]] const Node* node_at(const Node& node, std::string_view path);

}  // namespace tdn::codec::yaml
