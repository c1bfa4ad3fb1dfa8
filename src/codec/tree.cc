#include "codec/tree.h"

#include <algorithm>
#include <array>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::codec::yaml {
namespace {

// Recursion is bounded by the reader's depth.
Node read_value(JsonReader& json) {
  Node node;
  switch (json.peek()) {
    case JsonReader::Type::kObject:
      node.kind = Kind::kMapping;
      json.enter_object();
      while (const auto key = json.next_key()) {
        Entry& entry = node.entries.emplace_back();
        entry.key = json_unescape(*key);
        entry.value = read_value(json);
      }
      break;
    case JsonReader::Type::kArray:
      node.kind = Kind::kSequence;
      json.enter_array();
      while (json.next_element()) {
        node.items.push_back(read_value(json));
      }
      break;
    case JsonReader::Type::kString:
      node.kind = Kind::kScalar;
      node.quoted = true;
      node.text = json_unescape(json.string());
      break;
    case JsonReader::Type::kNull:
      json.skip();
      break;
    default:
      node.kind = Kind::kScalar;
      node.text = json.skip();
  }
  return node;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Words that readers of YAML 1.1 or 1.2 take for something else than text.
bool is_reserved(std::string_view text) {
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no", "on",
                                                      "off",  "null",  "y",   "n"};
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(kWords, lower) != kWords.end();
}

// Text that needs no quotes and that nobody takes for anything but text.
bool is_plain_text(std::string_view text) {
  if (text.empty() || !is_letter(text.front()) || text.back() == ':' || is_reserved(text)) {
    return false;
  }
  return std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view("_-./:").find(c) != std::string_view::npos;
  });
}

// A JSON number or boolean, written as it is.
bool is_plain_value(std::string_view text) {
  if (text == "true" || text == "false") {
    return true;
  }
  const bool starts = !text.empty() && (is_digit(text.front()) || text.front() == '-');
  return starts && is_digit(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_digit(c) || std::string_view("+-.eE").find(c) != std::string_view::npos;
         });
}

void append_scalar(std::string& out, std::string_view text, bool quoted) {
  if (quoted ? is_plain_text(text) : is_plain_text(text) || is_plain_value(text)) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

class YamlWriter {
 public:
  explicit YamlWriter(std::string& out) : out_(out) {}

  // What stands in the present line is "key:" or "-", or nothing: `begun` says which.
  enum class Line { kEmpty, kKey, kDash };

  void write(const Node& node, std::size_t indent, Line begun) {
    if (node.is_mapping() && !node.entries.empty()) {
      write_mapping(node, indent, begun);
    } else if (node.is_sequence() && !node.items.empty()) {
      write_sequence(node, indent, begun);
    } else {
      out_ += begun == Line::kEmpty ? "" : " ";
      write_leaf(node);
      out_ += '\n';
    }
  }

 private:
  // Where the first of several lines goes: behind a dash, or into the next line.
  void begin(Line begun) { out_ += begun == Line::kKey ? "\n" : begun == Line::kDash ? " " : ""; }

  void write_mapping(const Node& node, std::size_t indent, Line begun) {
    begin(begun);
    bool in_line = begun == Line::kDash;
    for (const Entry& entry : node.entries) {
      out_.append(in_line ? 0 : indent, ' ');
      in_line = false;
      append_scalar(out_, entry.key, true);
      out_ += ':';
      write(entry.value, indent + 2, Line::kKey);
    }
  }

  void write_sequence(const Node& node, std::size_t indent, Line begun) {
    begin(begun);
    bool in_line = begun == Line::kDash;
    for (const Node& item : node.items) {
      out_.append(in_line ? 0 : indent, ' ');
      in_line = false;
      out_ += '-';
      write(item, indent + 2, Line::kDash);
    }
  }

  void write_leaf(const Node& node) {
    switch (node.kind) {
      case Kind::kNull:
        out_ += "null";
        break;
      case Kind::kScalar:
        append_scalar(out_, node.text, node.quoted);
        break;
      case Kind::kSequence:
        out_ += "[]";
        break;
      case Kind::kMapping:
        out_ += "{}";
        break;
    }
  }

  std::string& out_;
};

// JSON with line breaks and blanks, or without any.
class JsonText {
 public:
  JsonText(std::string& out, bool indented) : out_(out), indented_(indented) {}

  void write(const Node& node, std::size_t indent) {
    switch (node.kind) {
      case Kind::kNull:
        out_ += "null";
        break;
      case Kind::kScalar:
        if (!node.quoted && is_plain_value(node.text)) {
          out_ += node.text;
        } else {
          append_json_string(out_, node.text);
        }
        break;
      case Kind::kSequence:
        members(node.items, indent, "[]", [&](const Node& item) { write(item, indent + 2); });
        break;
      case Kind::kMapping:
        members(node.entries, indent, "{}", [&](const Entry& entry) {
          append_json_string(out_, entry.key);
          out_ += indented_ ? ": " : ":";
          write(entry.value, indent + 2);
        });
        break;
    }
  }

 private:
  template <class Items, class WriteItem>
  void members(const Items& items, std::size_t indent, std::string_view brackets,
               WriteItem write_item) {
    out_ += brackets[0];
    bool first = true;
    for (const auto& item : items) {
      out_ += first ? "" : ",";
      first = false;
      break_line(indent + 2);
      write_item(item);
    }
    if (!first) {
      break_line(indent);
    }
    out_ += brackets[1];
  }
  void break_line(std::size_t indent) {
    if (indented_) {
      out_ += '\n';
      out_.append(indent, ' ');
    }
  }

  std::string& out_;
  bool indented_;
};

}  // namespace

Result<Node> from_json(std::string_view text) {
  JsonReader json(text);
  Node node = read_value(json);
  TDN_TRY_VOID(json.finish());
  return node;
}

std::string to_yaml(const Node& node) {
  std::string out;
  YamlWriter(out).write(node, 0, YamlWriter::Line::kEmpty);
  return out;
}

std::string to_json(const Node& node) {
  std::string out;
  JsonText(out, true).write(node, 0);
  out += '\n';
  return out;
}

std::string to_json_line(const Node& node) {
  std::string out;
  JsonText(out, false).write(node, 0);
  out += '\n';
  return out;
}

const Node* node_at(const Node& node, std::string_view path) {
  const Node* at = &node;
  while (at != nullptr && !path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    at = at->find(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at;
}

std::string_view text_at(const Node& node, std::string_view path) {
  const Node* at = node_at(node, path);
  return at != nullptr && at->is_scalar() ? std::string_view(at->text) : std::string_view();
}

}  // namespace tdn::codec::yaml
