#include "codec/yaml.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <unordered_set>
#include <utility>

namespace tdn::codec::yaml {
namespace {

// Reads a string_view in place.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // the get area is never written
    setg(begin, begin, begin + text.size());
  }
};

// Builds the tree from the parser's events. yaml-cpp's own Node would accept duplicate keys and
// expand aliases; events arrive before either. The first fault is kept and all later events are
// dropped, so nothing is thrown through the library.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view file, const Limits& limits) : file_(file), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {
    if (!error_ && !root_.is_null()) {
      documents_.push_back(std::move(root_));
    }
    root_ = {};
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, Kind::kNull, "", false);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(mark, "aliases (*name) are not taken; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (check_tag(mark, tag)) {
      add(mark, anchor, Kind::kScalar, value, tag == "!");
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Kind::kMapping);
  }
  void OnMapEnd() override { close(); }

  void refuse(const YAML::Mark& mark, std::string_view what) {
    if (!error_) {
      error_ = Error(Code::kInvalid,
                     fmt::format("{}:{}:{}: {}", file_, mark.line + 1, mark.column + 1, what));
    }
  }

  [[nodiscard]] Result<std::vector<Node>> finish() && {
    if (error_) {
      return fail(*std::move(error_));
    }
    return std::move(documents_);
  }
  [[nodiscard]] bool failed() const { return error_.has_value(); }

 private:
  // A container being filled. Pointers into the tree stay good: only the innermost container grows.
  struct Open {
    Node* node;
    std::optional<std::string> key;  // of a mapping: read, its value awaited
    YAML::Mark key_mark;
    std::unordered_set<std::string> keys;
  };

  // "?" and "!" are what the library reports for untagged plain and quoted nodes.
  bool check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, fmt::format("tags ({}) are not taken; leave the tag out", tag));
    }
    return !error_;
  }

  Node* add(const YAML::Mark& mark, YAML::anchor_t anchor, Kind kind, std::string_view text,
            bool quoted) {
    if (error_) {
      return nullptr;
    }
    if (anchor != YAML::NullAnchor) {
      refuse(mark, "anchors (&name) are not taken; leave the anchor out and repeat the value");
      return nullptr;
    }
    if (++nodes_ > limits_.nodes) {
      refuse(mark, fmt::format("more than {} values in one file; split the file", limits_.nodes));
      return nullptr;
    }
    Node node;
    node.kind = kind;
    node.quoted = quoted;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    node.text = text;
    return place(mark, std::move(node));
  }

  Node* place(const YAML::Mark& mark, Node node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return &root_;
    }
    Open& parent = stack_.back();
    if (parent.node->is_sequence()) {
      return &parent.node->items.emplace_back(std::move(node));
    }
    if (!parent.key) {
      take_key(parent, mark, node);
      return nullptr;
    }
    if (node.is_null()) {  // the library reports the place of whatever follows
      node.line = parent.key_mark.line + 1;
      node.column = parent.key_mark.column + 1;
    }
    Entry entry;
    entry.key = *std::move(parent.key);
    entry.line = parent.key_mark.line + 1;
    entry.column = parent.key_mark.column + 1;
    entry.value = std::move(node);
    parent.key.reset();
    return &parent.node->entries.emplace_back(std::move(entry)).value;
  }

  void take_key(Open& parent, const YAML::Mark& mark, const Node& node) {
    if (!node.is_scalar()) {
      refuse(mark, "a key must be text; write `name: value`");
      return;
    }
    if (!parent.keys.insert(node.text).second) {
      refuse(mark, fmt::format("duplicate key `{}`; keep one of them", node.text));
      return;
    }
    parent.key = node.text;
    parent.key_mark = mark;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
    if (!check_tag(mark, tag)) {
      return;
    }
    if (static_cast<int>(stack_.size()) >= limits_.depth) {
      refuse(mark, fmt::format("nested deeper than {} levels", limits_.depth));
      return;
    }
    if (Node* node = add(mark, anchor, kind, "", false)) {
      stack_.push_back({node, std::nullopt, {}, {}});
    }
  }

  void close() {
    if (!error_) {
      stack_.pop_back();
    }
  }

  std::string_view file_;
  Limits limits_;
  std::size_t nodes_ = 0;
  Node root_;
  std::vector<Open> stack_;
  std::vector<Node> documents_;
  std::optional<Error> error_;
};

Result<void> check_bytes(std::string_view text, std::string_view file, const Limits& limits) {
  if (text.size() > limits.bytes) {
    return fail(Code::kInvalid, fmt::format("{}: {} bytes, more than {}; split the file", file,
                                            text.size(), limits.bytes));
  }
  int line = 1;
  while (!text.empty()) {
    const std::string_view row = text.substr(0, text.find('\n'));
    if (const std::size_t nul = row.find('\0'); nul != row.npos) {
      return fail(Code::kInvalid,
                  fmt::format("{}:{}:{}: a zero byte; is this a text file?", file, line, nul + 1));
    }
    if (!simdjson::validate_utf8(row.data(), row.size())) {
      return fail(
          Code::kInvalid,
          fmt::format("{}:{}:1: not UTF-8 in this line; save the file as UTF-8", file, line));
    }
    text.remove_prefix(std::min(row.size() + 1, text.size()));
    ++line;
  }
  return {};
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) {
      return &entry.value;
    }
  }
  return nullptr;
}

Result<std::vector<Node>> parse(std::string_view text, std::string_view file,
                                const Limits& limits) {
  TDN_TRY_VOID(check_bytes(text, file, limits));
  Builder builder(file, limits);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (!builder.failed() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    builder.refuse(e.mark, e.msg);
  } catch (const std::exception& e) {
    return fail(Code::kInvalid, fmt::format("{}: cannot be read as YAML: {}", file, e.what()));
  }
  return std::move(builder).finish();
}

}  // namespace tdn::codec::yaml
