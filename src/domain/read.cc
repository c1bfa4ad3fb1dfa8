#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "domain/detail/reader.h"

namespace tdn::domain::detail {
namespace {

using codec::yaml::Node;

constexpr std::size_t kMostTexts = 10'000;
constexpr std::size_t kMostLabels = 256;

std::string_view kind_of(const Node& node) {
  switch (node.kind) {
    case codec::yaml::Kind::kNull:
      return "nothing";
    case codec::yaml::Kind::kScalar:
      return "a single value";
    case codec::yaml::Kind::kSequence:
      return "a list";
    case codec::yaml::Kind::kMapping:
      return "a mapping";
  }
  return "";
}

// Digits with an optional sign; no leading zeros, which YAML 1.1 takes for octal.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || digits.empty() ||
      (digits.size() > 1 && digits.front() == '0')) {
    return std::nullopt;
  }
  return value;
}

class Reader final : public FieldVisitor {
 public:
  Reader(ReadContext& context, const Node& node, std::string path)
      : context_(context), node_(node), path_(std::move(path)) {}

  void text(const Field& field, const TextRule& rule, std::string& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "text");
    if (node != nullptr && field.required && node->text.empty()) {
      context_.wrong(path_of(field), "is empty; write a value");
    } else if (node != nullptr) {
      read_text(*node, path_of(field), rule, value);
    }
  }

  void texts(const Field& field, const TextRule& rule, std::vector<std::string>& values) override {
    const Node* node = take(field, codec::yaml::Kind::kSequence, "a list");
    if (node == nullptr || !check_size(field, *node, kMostTexts)) {
      return;
    }
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      const Node& item = node->items[i];
      const std::string path = remember(fmt::format("{}[{}]", path_of(field), i), item.line);
      std::string value;
      if (!item.is_scalar()) {
        context_.wrong(path, fmt::format("{} where text is due; write a value", kind_of(item)));
      } else if (read_text(item, path, rule, value)) {
        if (std::find(values.begin(), values.end(), value) != values.end()) {
          context_.wrong(path, fmt::format("`{}` stands here twice; keep one", value));
        }
        values.push_back(std::move(value));
      }
    }
  }

  void labels(const Field& field, std::map<std::string, std::string>& values) override {
    const Node* node = take(field, codec::yaml::Kind::kMapping, "a mapping");
    if (node == nullptr) {
      return;
    }
    if (node->entries.size() > kMostLabels) {
      context_.wrong(path_of(field),
                     fmt::format("more than {} entries; take some out", kMostLabels));
      return;
    }
    for (const auto& entry : node->entries) {
      const std::string path =
          remember(fmt::format("{}.{}", path_of(field), entry.key), entry.line);
      if (!entry.value.is_scalar()) {
        context_.wrong(path,
                       fmt::format("{} where text is due; write a value", kind_of(entry.value)));
        continue;
      }
      read_text(entry.value, path, {}, values[entry.key]);
    }
  }

  void integer(const Field& field, const IntegerRule& rule, std::int64_t& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "a number");
    if (node == nullptr) {
      return;
    }
    const auto number = parse_integer(node->text);
    if (!number || node->quoted) {
      context_.wrong(path_of(field), fmt::format("`{}` is not a whole number; write one in plain "
                                                 "digits, without quotes",
                                                 node->text.substr(0, 40)));
    } else if (*number < rule.minimum || *number > rule.maximum) {
      context_.wrong(path_of(field), fmt::format("{} is out of bounds; write {} to {}", *number,
                                                 rule.minimum, rule.maximum));
    } else {
      value = *number;
    }
  }

  void degrees(const Field& field, double bound, double& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "a number");
    if (node == nullptr) {
      return;
    }
    double number = 0;
    const char* end = node->text.data() + node->text.size();
    const auto parsed = std::from_chars(node->text.data(), end, number, std::chars_format::fixed);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(std::abs(number) <= bound) ||
        node->quoted) {
      context_.wrong(path_of(field),
                     fmt::format("`{}` is no such angle; write degrees from -{} to {}",
                                 node->text.substr(0, 40), bound, bound));
      return;
    }
    value = number;
  }

  void flag(const Field& field, bool& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "true or false");
    if (node == nullptr) {
      return;
    }
    if (node->quoted || (node->text != "true" && node->text != "false")) {
      context_.wrong(path_of(field),
                     fmt::format("`{}` is neither; write true or false", node->text.substr(0, 40)));
      return;
    }
    value = node->text == "true";
  }

  void price(const Field& field, Price& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "a decimal");
    if (node == nullptr) {
      return;
    }
    const auto price = parse_price_per_million(node->text);
    if (!price) {
      context_.wrong(path_of(field), price.error().detail());
      return;
    }
    value = *price;
  }

  void price(const Field& field, std::optional<Price>& value) override {
    if (node_.find(field.name) != nullptr) {
      price(field, value.emplace());
    } else {
      seen_.push_back(field.name);
    }
  }

  void time(const Field& field, std::optional<WallTime>& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "a time");
    if (node == nullptr) {
      return;
    }
    value = parse_rfc3339(node->text);
    if (!value) {
      context_.wrong(path_of(field), fmt::format("`{}` is no time; write UTC such as "
                                                 "2027-12-31T00:00:00Z",
                                                 node->text.substr(0, 40)));
    }
  }

  void choice(const Field& field, const ChoiceRule& rule, int& value) override {
    const Node* node = take(field, codec::yaml::Kind::kScalar, "a name");
    if (node == nullptr) {
      return;
    }
    const auto found = std::find(rule.names.begin(), rule.names.end(), node->text);
    const auto index = static_cast<std::size_t>(found - rule.names.begin());
    if (index < rule.built) {
      value = static_cast<int>(index);
      return;
    }
    const std::vector<std::string_view> built(rule.names.begin(),
                                              rule.names.begin() + static_cast<long>(rule.built));
    context_.wrong(path_of(field),
                   index < rule.names.size()
                       ? fmt::format("`{}` is not built yet; {}", node->text, rule.instead)
                       : fmt::format("`{}` is none of {}{}", node->text.substr(0, 40),
                                     fmt::join(built.begin() + (built.front().empty() ? 1 : 0),
                                               built.end(), ", "),
                                     did_you_mean(node->text, built)));
  }

  void object(const Field& field, const Describe& describe) override {
    if (const Node* node = take(field, codec::yaml::Kind::kMapping, "a mapping")) {
      read_object(context_, *node, path_of(field), describe);
    }
  }

  void optional_object(const Field& field, bool /*present*/, const std::function<void()>& make,
                       const Describe& describe) override {
    if (const Node* node = take(field, codec::yaml::Kind::kMapping, "a mapping")) {
      make();
      read_object(context_, *node, path_of(field), describe);
    }
  }

  void list(const Field& field, const List& list) override {
    const Node* node = take(field, codec::yaml::Kind::kSequence, "a list");
    if (node == nullptr || !check_size(field, *node, list.most)) {
      return;
    }
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      const Node& item = node->items[i];
      const std::string path = remember(fmt::format("{}[{}]", path_of(field), i), item.line);
      if (item.is_mapping()) {
        // `append` describes the new element to a reader of its own.
        Reader reader(context_, item, path);
        list.append(reader);
        reader.finish();
      } else {
        context_.wrong(
            path, fmt::format("{} where a mapping is due; write `name: value`", kind_of(item)));
      }
    }
  }

  void not_built(const Field& field) override {
    const Node* node = find(field);
    if (node != nullptr && !(node->is_mapping() && node->entries.empty()) && !node->is_null()) {
      context_.wrong(path_of(field), "has no effect yet; take the field out");
    }
  }

  // What nobody asked for is unknown.
  void finish() {
    for (const auto& entry : node_.entries) {
      if (std::find(seen_.begin(), seen_.end(), entry.key) == seen_.end()) {
        const std::string path = remember(
            path_.empty() ? entry.key : fmt::format("{}.{}", path_, entry.key), entry.line);
        const std::string hint = did_you_mean(entry.key, seen_);
        context_.wrong(path, "unknown field" + (hint.empty() ? "; take it out" : hint));
      }
    }
  }

 private:
  [[nodiscard]] std::string path_of(const Field& field) const {
    return path_.empty() ? std::string(field.name) : fmt::format("{}.{}", path_, field.name);
  }

  std::string remember(std::string path, int line) {
    context_.lines[path] = line;
    return path;
  }

  const Node* find(const Field& field) {
    seen_.push_back(field.name);
    for (const auto& entry : node_.entries) {
      if (entry.key == field.name) {
        remember(path_of(field), entry.line);
        return &entry.value;
      }
    }
    return nullptr;
  }

  // The field's value if it is there and of the right shape.
  const Node* take(const Field& field, codec::yaml::Kind kind, std::string_view shape) {
    const Node* node = find(field);
    if (node == nullptr) {
      if (field.required) {
        // Without a line of its own it is about the mapping that is missing, too.
        remember(path_of(field), node_.line > 0 ? node_.line : context_.place(path_).line);
        context_.wrong(path_of(field), fmt::format("is missing; add {}: {}", field.name, shape));
      }
      return nullptr;
    }
    if (node->is_null()) {
      context_.wrong(path_of(field), "has no value; write one or take the field out");
      return nullptr;
    }
    if (node->kind != kind) {
      context_.wrong(path_of(field),
                     fmt::format("{} where {} is due; write it so", kind_of(*node), shape));
      return nullptr;
    }
    return node;
  }

  bool check_size(const Field& field, const Node& node, std::size_t most) {
    if (node.items.size() > most) {
      context_.wrong(path_of(field),
                     fmt::format("{} entries; at most {} are taken", node.items.size(), most));
      return false;
    }
    if (field.required && node.items.empty()) {
      context_.wrong(path_of(field), "is empty; add at least one entry");
      return false;
    }
    return true;
  }

  bool read_text(const Node& node, const std::string& path, const TextRule& rule,
                 std::string& value) {
    if (node.text.empty()) {  // written "", which is every text field's default
      if (!path.ends_with(']')) {
        return false;
      }
      context_.wrong(path, "is empty; write a value or take it out");
      return false;
    }
    if (!rule.built) {
      context_.wrong(path, "has no effect yet; take the field out");
      return false;
    }
    if (const auto wrong = check_format(rule.format, node.text)) {
      context_.wrong(path, *wrong);
      return false;
    }
    if (rule.refers) {
      context_.references.push_back({context_.place(path), path, *rule.refers, node.text});
    }
    value = node.text;
    return true;
  }

  ReadContext& context_;
  const Node& node_;
  std::string path_;
  std::vector<std::string_view> seen_;
};

}  // namespace

Place ReadContext::place(const std::string& path) const {
  const auto found = lines.find(path);
  return {file, found == lines.end() ? 0 : found->second};
}

void ReadContext::wrong(const std::string& path, std::string_view what) {
  problems.add(place(path), path, what);
}

void read_object(ReadContext& context, const codec::yaml::Node& node, const std::string& path,
                 const FieldVisitor::Describe& describe) {
  Reader reader(context, node, path);
  describe(reader);
  reader.finish();
}

}  // namespace tdn::domain::detail
