#include <string>

#include "domain/spec_json.h"

namespace tdn::domain {
namespace {

using codec::JsonWriter;

class Writer final : public FieldVisitor {
 public:
  explicit Writer(JsonWriter& json) : json_(json) {}

  void text(const Field& field, const TextRule& /*rule*/, std::string& value) override {
    if (field.required || !value.empty()) {
      json_.key(field.name).string(value);
    }
  }
  void texts(const Field& field, const TextRule& /*rule*/,
             std::vector<std::string>& values) override {
    if (values.empty() && !field.required) {
      return;
    }
    json_.key(field.name).begin_array();
    for (const std::string& value : values) {
      json_.string(value);
    }
    json_.end_array();
  }
  void labels(const Field& field, std::map<std::string, std::string>& values) override {
    if (values.empty()) {
      return;
    }
    json_.key(field.name).begin_object();
    for (const auto& [name, value] : values) {
      json_.key(name).string(value);
    }
    json_.end_object();
  }
  void integer(const Field& field, const IntegerRule& /*rule*/, std::int64_t& value) override {
    if (field.required || value != 0) {
      json_.key(field.name).number(value);
    }
  }
  void degrees(const Field& field, double /*bound*/, double& value) override {
    if (field.required || value != 0) {
      json_.key(field.name).number(value);
    }
  }
  void flag(const Field& field, bool& value) override {
    if (field.required || value) {
      json_.key(field.name).boolean(value);
    }
  }
  void price(const Field& field, Price& value) override {
    if (field.required || value.pico != 0) {
      json_.key(field.name).string(to_string_per_million(value));
    }
  }
  void price(const Field& field, std::optional<Price>& value) override {
    if (value) {  // a price of zero differs from none
      json_.key(field.name).string(to_string_per_million(*value));
    }
  }
  void time(const Field& field, std::optional<WallTime>& value) override {
    if (value) {
      json_.key(field.name).string(to_rfc3339(*value));
    }
  }
  void choice(const Field& field, const ChoiceRule& rule, int& value) override {
    if (field.required || value != 0) {
      json_.key(field.name).string(rule.names[static_cast<std::size_t>(value)]);
    }
  }
  void object(const Field& field, const Describe& describe) override {
    write_nested(field, field.required, describe);
  }
  void optional_object(const Field& field, bool present, const std::function<void()>& /*make*/,
                       const Describe& describe) override {
    if (present) {
      write_nested(field, true, describe);
    }
  }
  void list(const Field& field, const List& list) override {
    if (list.size == 0 && !field.required) {
      return;
    }
    json_.key(field.name).begin_array();
    for (std::size_t i = 0; i < list.size; ++i) {
      json_.begin_object();
      list.at(*this, i);
      json_.end_object();
    }
    json_.end_array();
  }
  void not_built(const Field& /*field*/) override {}

 private:
  void write_nested(const Field& field, bool even_empty, const Describe& describe) {
    std::string text;
    JsonWriter inner(text);
    write_json(inner, describe);
    if (even_empty || text != "{}") {
      json_.key(field.name).raw(text);
    }
  }

  JsonWriter& json_;
};

}  // namespace

void write_json(JsonWriter& json, const FieldVisitor::Describe& describe) {
  json.begin_object();
  Writer writer(json);
  describe(writer);
  json.end_object();
}

}  // namespace tdn::domain
