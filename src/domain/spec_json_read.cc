#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/fixed_vector.h"
#include "codec/json_reader.h"
#include "domain/spec_json.h"

namespace tdn::domain {
namespace {

using codec::JsonReader;

constexpr std::size_t kMostMembers = 32;  // of one object; no kind declares as many
constexpr std::size_t kMostTexts = 10'000;
constexpr std::size_t kMostLabels = 256;

// Where a value stands, spelled out only when something is wrong with it.
struct Path {
  const Path* in = nullptr;
  std::string_view name;
  std::size_t index = 0;  // of a list's element, which has no name

  [[nodiscard]] std::string text() const {
    const std::string outer = in == nullptr ? "" : in->text();
    if (name.empty()) {
      return fmt::format("{}[{}]", outer, index);
    }
    return outer.empty() ? std::string(name) : fmt::format("{}.{}", outer, name);
  }
};

// The first fault of a whole read; all readers below share it.
struct ReadOutcome {
  std::optional<Error> error;
  void wrong(const Path& path, std::string_view what) {
    if (!error) {
      error.emplace(Code::kInvalid, fmt::format("{}: {}", path.text(), what));
    }
  }
};

bool is_string(std::string_view raw) { return raw.size() >= 2 && raw.front() == '"'; }

// Of a value that is a string.
std::string string_of(std::string_view raw) {
  raw = raw.substr(1, raw.size() - 2);
  return raw.find('\\') == raw.npos ? std::string(raw) : codec::json_unescape(raw);
}

template <class Number, class... Form>
std::optional<Number> number_of(std::string_view raw, Form... form) {
  Number value{};
  const auto parsed = std::from_chars(raw.data(), raw.data() + raw.size(), value, form...);
  if (parsed.ec != std::errc() || parsed.ptr != raw.data() + raw.size()) {
    return std::nullopt;
  }
  return value;
}

class Reader final : public FieldVisitor {
 public:
  Reader(ReadOutcome& outcome, const Path& path, std::string_view json)
      : outcome_(outcome), path_(path) {
    JsonReader object(json);
    if (object.enter_object()) {
      while (const auto name = object.next_key()) {
        take_member(*name, object.skip());
      }
    }
    if (const auto finished = object.finish(); !finished) {
      outcome_.wrong(path_, finished.error().detail());
    }
  }

  void text(const Field& field, const TextRule& rule, std::string& value) override {
    if (const auto raw = take_string(field)) {
      value = string_of(*raw);
      check_text({&path_, field.name}, rule, value, !field.required);
    }
  }
  void texts(const Field& field, const TextRule& rule, std::vector<std::string>& values) override {
    each(field, kMostTexts, [&](const Path& path, std::string_view raw) {
      if (!is_string(raw)) {
        return outcome_.wrong(path, "is no string");
      }
      values.push_back(string_of(raw));
      check_text(path, rule, values.back(), false);
    });
  }
  void labels(const Field& field, std::map<std::string, std::string>& values) override {
    const auto raw = take(field);
    if (!raw) {
      return;
    }
    const Path path{&path_, field.name};
    JsonReader object(*raw);
    if (object.enter_object()) {
      while (const auto name = object.next_key()) {
        const std::string_view value = object.skip();
        if (!is_string(value) || values.size() == kMostLabels) {
          outcome_.wrong(path, is_string(value) ? "has too many entries" : "holds no string");
        } else {
          values[codec::json_unescape(*name)] = string_of(value);
        }
      }
    }
    if (!object.finish()) {
      outcome_.wrong(path, "is no object");
    }
  }
  void integer(const Field& field, const IntegerRule& rule, std::int64_t& value) override {
    if (const auto raw = take(field)) {
      const auto number = number_of<std::int64_t>(*raw);
      if (!number || *number < rule.minimum || *number > rule.maximum) {
        wrong(field, fmt::format("is no whole number from {} to {}", rule.minimum, rule.maximum));
      }
      value = number.value_or(value);
    }
  }
  void degrees(const Field& field, double bound, double& value) override {
    if (const auto raw = take(field)) {
      const auto number = number_of<double>(*raw, std::chars_format::general);
      if (!number || !(std::abs(*number) <= bound)) {
        wrong(field, fmt::format("is no angle from -{} to {}", bound, bound));
      }
      value = number.value_or(value);
    }
  }
  void flag(const Field& field, bool& value) override {
    if (const auto raw = take(field)) {
      if (*raw != "true" && *raw != "false") {
        wrong(field, "is neither true nor false");
      }
      value = *raw == "true";
    }
  }
  void price(const Field& field, Price& value) override {
    if (const auto raw = take_string(field)) {
      const auto price = parse_price_per_million(string_of(*raw));
      if (!price) {
        return wrong(field, price.error().detail());
      }
      value = *price;
    }
  }
  void price(const Field& field, std::optional<Price>& value) override {
    if (has(field)) {
      price(field, value.emplace());
    }
  }
  void time(const Field& field, std::optional<WallTime>& value) override {
    if (const auto raw = take_string(field)) {
      value = parse_rfc3339(string_of(*raw));
      if (!value) {
        wrong(field, "is no time such as 2027-12-31T00:00:00Z");
      }
    }
  }
  void choice(const Field& field, const ChoiceRule& rule, int& value) override {
    if (const auto raw = take_string(field)) {
      const auto found = std::ranges::find(rule.names, string_of(*raw));
      const auto index = static_cast<std::size_t>(found - rule.names.begin());
      if (index >= rule.built) {
        return wrong(field, "is a value that this version does not know");
      }
      value = static_cast<int>(index);
    }
  }
  void object(const Field& field, const Describe& describe) override {
    if (const auto raw = take(field)) {
      read_nested({&path_, field.name}, *raw, describe);
    }
  }
  void optional_object(const Field& field, bool /*present*/, const std::function<void()>& make,
                       const Describe& describe) override {
    if (const auto raw = take(field)) {
      make();
      read_nested({&path_, field.name}, *raw, describe);
    }
  }
  void list(const Field& field, const List& list) override {
    each(field, list.most, [&](const Path& path, std::string_view raw) {
      Reader reader(outcome_, path, raw);
      list.append(reader);
      reader.finish();
    });
  }
  void not_built(const Field& field) override {
    if (const auto raw = take(field); raw && *raw != "{}") {
      wrong(field, "is not built in this version");
    }
  }

  // What nobody asked for is unknown.
  void finish() {
    for (const Member& member : members_) {
      if (!member.taken) {
        outcome_.wrong({&path_, member.name}, "is a field that this version does not know");
      }
    }
  }

  void read_nested(const Path& path, std::string_view raw, const Describe& describe) {
    Reader reader(outcome_, path, raw);
    describe(reader);
    reader.finish();
  }

 private:
  struct Member {
    std::string_view name;
    std::string_view raw;
    bool taken = false;
  };

  void take_member(std::string_view name, std::string_view raw) {
    if (find(name) != nullptr || members_.full()) {
      return outcome_.wrong({&path_, name}, members_.full() ? "too many fields" : "stands twice");
    }
    members_.push_back({name, raw});
  }
  Member* find(std::string_view name) {
    const auto found = std::ranges::find(members_, name, &Member::name);
    return found == members_.end() ? nullptr : found;
  }
  [[nodiscard]] bool has(const Field& field) { return find(field.name) != nullptr; }

  void wrong(const Field& field, std::string_view what) {
    outcome_.wrong({&path_, field.name}, what);
  }

  // The value as it stands, if the field is there and nothing was wrong so far.
  std::optional<std::string_view> take(const Field& field) {
    Member* member = find(field.name);
    if (member == nullptr) {
      if (field.required) {
        wrong(field, "is missing");
      }
      return std::nullopt;
    }
    member->taken = true;
    return outcome_.error ? std::nullopt : std::optional(member->raw);
  }
  std::optional<std::string_view> take_string(const Field& field) {
    const auto raw = take(field);
    if (raw && !is_string(*raw)) {
      wrong(field, "is no string");
      return std::nullopt;
    }
    return raw;
  }

  template <class Visit>
  void each(const Field& field, std::size_t most, const Visit& visit) {
    const auto raw = take(field);
    if (!raw) {
      return;
    }
    const Path path{&path_, field.name};
    JsonReader array(*raw);
    std::size_t index = 0;
    if (array.enter_array()) {
      for (; array.next_element() && !outcome_.error; ++index) {
        if (index == most) {
          return outcome_.wrong(path, fmt::format("has more than {} entries", most));
        }
        visit({&path, {}, index}, array.skip());
      }
    }
    if (!outcome_.error && !array.finish()) {
      outcome_.wrong(path, "is no list");
    }
    if (field.required && index == 0) {
      outcome_.wrong(path, "is empty");
    }
  }

  void check_text(const Path& path, const TextRule& rule, const std::string& value,
                  bool may_be_empty) {
    if (value.empty() && may_be_empty) {
      return;
    }
    if (value.empty()) {
      outcome_.wrong(path, "is empty");
    } else if (!rule.built) {
      outcome_.wrong(path, "is not built in this version");
    } else if (const auto fault = check_format(rule.format, value)) {
      outcome_.wrong(path, *fault);
    }
  }

  ReadOutcome& outcome_;
  const Path& path_;
  FixedVector<Member, kMostMembers> members_;
};

}  // namespace

Result<void> read_json(std::string_view json, std::string_view path,
                       const FieldVisitor::Describe& describe) {
  ReadOutcome outcome;
  const Path top{nullptr, path};
  Reader reader(outcome, top, json);
  describe(reader);
  reader.finish();
  if (outcome.error) {
    return fail(*std::move(outcome.error));
  }
  return {};
}

}  // namespace tdn::domain
