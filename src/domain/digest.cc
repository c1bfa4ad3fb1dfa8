#include "domain/digest.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "codec/hex.h"
#include "codec/sha256.h"

namespace tdn::domain {
namespace {

class Writer final : public FieldVisitor {
 public:
  void text(const Field& field, const TextRule& /*rule*/, std::string& value) override {
    line(field.name, value);
  }
  void texts(const Field& field, const TextRule& /*rule*/,
             std::vector<std::string>& values) override {
    for (const std::string& value : values) {
      line(field.name, value);
    }
  }
  void labels(const Field& field, std::map<std::string, std::string>& values) override {
    for (const auto& [name, value] : values) {
      line(fmt::format("{}.{}", field.name, name), value);
    }
  }
  void integer(const Field& field, const IntegerRule& /*rule*/, std::int64_t& value) override {
    number(field.name, value);
  }
  void degrees(const Field& field, double /*bound*/, double& value) override {
    line(field.name, value == 0 ? "" : fmt::format("{}", value));
  }
  void flag(const Field& field, bool& value) override { number(field.name, value ? 1 : 0); }
  void price(const Field& field, Price& value) override { number(field.name, value.pico); }
  void price(const Field& field, std::optional<Price>& value) override {
    if (value) {  // a price of zero differs from none
      line(field.name, fmt::format("{}", value->pico));
    }
  }
  void time(const Field& field, std::optional<WallTime>& value) override {
    if (value) {
      line(field.name, fmt::format("{}", value->us));
    }
  }
  void choice(const Field& field, const ChoiceRule& rule, int& value) override {
    line(field.name, value == 0 ? "" : rule.names[static_cast<std::size_t>(value)]);
  }
  void object(const Field& field, const Describe& describe) override {
    nested(std::string(field.name), describe);
  }
  void optional_object(const Field& field, bool present, const std::function<void()>& /*make*/,
                       const Describe& describe) override {
    if (present) {
      line(field.name, "{}");
      nested(std::string(field.name), describe);
    }
  }
  void list(const Field& field, const List& list) override {
    for (std::size_t i = 0; i < list.size; ++i) {
      const std::string path = fmt::format("{}[{}]", field.name, i);
      line(path, "{}");
      nested(path, [&](FieldVisitor& inner) { list.at(inner, i); });
    }
  }
  void not_built(const Field& /*field*/) override {}

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  // Lengths first, so that no value can look like another line.
  void line(std::string_view name, std::string_view value) {
    if (!value.empty()) {
      text_ += fmt::format("{}{}={}:{}\n", path_, name, value.size(), value);
    }
  }
  void number(std::string_view name, std::int64_t value) {
    line(name, value == 0 ? "" : fmt::format("{}", value));
  }
  void nested(const std::string& name, const Describe& describe) {
    const std::size_t length = path_.size();
    path_ += name + ".";
    describe(*this);
    path_.resize(length);
  }

  std::string path_;
  std::string text_;
};

}  // namespace

std::string digest_of_fields(const FieldVisitor::Describe& describe) {
  Writer writer;
  describe(writer);
  const codec::Digest digest = codec::sha256(bytes_of(writer.text()));
  return codec::to_hex(ByteView(digest).first(16));
}

}  // namespace tdn::domain
