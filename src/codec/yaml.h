// YAML as operators write it, read strictly: a tree of ours with the place of every node, and none
// of YAML's surprises. Text stays text: a scalar is what was written (`NO`, `010`, `1e3`), and
// whoever reads a field converts it by the field's declared type, never by guess. JSON is YAML, so
// this reads manifests, configuration and our own small JSON files alike.
//
// Refused, each with its place: duplicate keys, anchors and aliases (nine levels of ten aliases are
// 10⁹ nodes), tags, keys that are not text, bytes that are not UTF-8, and what passes the limits.
// Not taken although JSON has it: surrogate pairs written as two \u escapes (write the character).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tdn::codec::yaml {

struct Limits {
  std::size_t bytes = 4 << 20;
  std::size_t nodes = 200'000;  // of all documents together
  int depth = 64;
};

enum class Kind { kNull, kScalar, kSequence, kMapping };

struct Entry;

struct Node {
  Kind kind = Kind::kNull;
  bool quoted = false;      // scalars: written in quotes or as a block, so certainly meant as text
  int line = 0;             // from 1
  int column = 0;           // from 1
  std::string text;         // of a scalar
  std::vector<Node> items;  // of a sequence
  std::vector<Entry> entries;  // of a mapping, in the order written

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::kSequence; }
  [[nodiscard]] bool is_mapping() const { return kind == Kind::kMapping; }

  // The value under `key` of a mapping; null if there is none.
  [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  int line = 0;
  int column = 0;
  Node value;
};

// The documents of one file, empty ones left out. An error is Code::kInvalid and reads
// "<file>:<line>:<column>: what is wrong; what to do".
[[nodiscard]] Result<std::vector<Node>> parse(std::string_view text, std::string_view file,
                                              const Limits& limits = {});

}  // namespace tdn::codec::yaml
