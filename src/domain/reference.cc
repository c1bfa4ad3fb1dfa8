#include "domain/reference.h"

#include <fmt/format.h>

#include "domain/fields.h"

namespace tdn::domain {
namespace {

constexpr std::string_view kPreamble =
    R"(<!-- Generated from src/domain/describe.cc by domain_test with TDN_REGENERATE=1. Do not edit. -->
# Manifests

What an operator writes: YAML (or JSON, which is YAML), several documents to a file, several files to a
folder. Every document has `apiVersion: tdn/v1`, `kind`, `metadata` and `spec`; `status` is tdn's to write
and is not read.

Unknown fields, duplicate keys, anchors, aliases and tags are refused, and so are kinds and fields that are
not built yet, by name. Text is taken as written: `countries: [NO]` is Norway. All faults of a load are told
at once: `file:line: path: what is wrong; what to do`.

Not built yet are the kinds Deployment, Route, Plan, Grant and Limit. **Bold** fields must be given.
)";

std::string escape(std::string text) {  // a cell of a table
  for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) {
    text.insert(at, 1, '\\');
  }
  return text;
}

class Writer final : public FieldVisitor {
 public:
  explicit Writer(std::string path) : path_(std::move(path)) {}

  void text(const Field& field, const TextRule& rule, std::string& value) override {
    row(field, form(rule), value.empty() ? "" : fmt::format("`{}`", value));
  }
  void texts(const Field& field, const TextRule& rule,
             std::vector<std::string>& /*values*/) override {
    row(field, "list: " + form(rule), "`[]`");
  }
  void labels(const Field& field, std::map<std::string, std::string>& /*values*/) override {
    row(field, "mapping of text", "`{}`");
  }
  void integer(const Field& field, const IntegerRule& rule, std::int64_t& value) override {
    row(field, fmt::format("{} to {}", rule.minimum, rule.maximum), fmt::format("`{}`", value));
  }
  void degrees(const Field& field, double bound, double& /*value*/) override {
    row(field, fmt::format("-{} to {}", bound, bound), "");
  }
  void flag(const Field& field, bool& value) override {
    row(field, "`true` or `false`", fmt::format("`{}`", value));
  }
  void price(const Field& field, Price& value) override {
    row(field, "decimal", fmt::format("`\"{}\"`", to_string_per_million(value)));
  }
  void price(const Field& field, std::optional<Price>& /*value*/) override {
    row(field, "decimal", "");
  }
  void time(const Field& field, std::optional<WallTime>& /*value*/) override {
    row(field, "UTC, as `2027-12-31T00:00:00Z`", "");
  }
  void choice(const Field& field, const ChoiceRule& rule, int& value) override {
    std::string names;
    for (std::size_t i = 0; i < rule.names.size(); ++i) {
      if (!rule.names[i].empty()) {
        names += fmt::format("{}`{}`{}", names.empty() ? "" : ", ", rule.names[i],
                             i < rule.built ? "" : " (not built yet)");
      }
    }
    row(field, names, fmt::format("`{}`", rule.names[static_cast<std::size_t>(value)]));
  }
  void object(const Field& field, const Describe& describe) override {
    row(field, "mapping", "`{}`");
    nested(fmt::format("{}{}.", path_, field.name), describe);
  }
  void optional_object(const Field& field, bool /*present*/, const std::function<void()>& make,
                       const Describe& describe) override {
    row(field, "mapping", "");
    make();
    nested(fmt::format("{}{}.", path_, field.name), describe);
  }
  void list(const Field& field, const List& list) override {
    row(field, fmt::format("list of mappings, at most {}", list.most), "`[]`");
    nested(fmt::format("{}{}[].", path_, field.name), list.append);
  }
  void not_built(const Field& field) override { row(field, "not built yet", ""); }

  [[nodiscard]] const std::string& rows() const { return rows_; }

 private:
  [[nodiscard]] static std::string form(const TextRule& rule) {
    std::string text = rule.refers ? fmt::format("name of a {}", to_string(*rule.refers))
                                   : std::string(prose_of(rule.format));
    return rule.built ? text : text + " (not built yet)";
  }

  void row(const Field& field, std::string_view form, std::string_view default_value) {
    const std::string name = fmt::format("`{}{}`", path_, field.name);
    const std::string_view shown = field.required                ? ""
                                   : field.shown_default.empty() ? default_value
                                                                 : field.shown_default;
    rows_ += escape(fmt::format("{}", field.required ? fmt::format("**{}**", name) : name))
                 .insert(0, "| ")
                 .append(fmt::format(" | {} | {} | {} |\n", escape(std::string(form)),
                                     escape(std::string(shown)), escape(std::string(field.prose))));
  }

  void nested(std::string path, const Describe& describe) {
    Writer inner(std::move(path));
    describe(inner);
    rows_ += inner.rows_;
  }

  std::string path_;
  std::string rows_;
};

template <class Spec>
std::string fields_of(std::string_view path, Spec spec = {}) {
  Writer writer{std::string(path)};
  describe(writer, spec);
  return "| field | takes | default | |\n|---|---|---|---|\n" + writer.rows();
}

std::string spec_fields(Kind kind) {
  switch (kind) {
    case Kind::kZone:
      return fields_of<ZoneSpec>("spec.");
    case Kind::kSite:
      return fields_of<SiteSpec>("spec.");
    case Kind::kModel:
      return fields_of<ModelSpec>("spec.");
    case Kind::kEndpoint:
      return fields_of<EndpointSpec>("spec.");
    case Kind::kTenant:
      return fields_of<TenantSpec>("spec.");
    case Kind::kProject:
      return fields_of<ProjectSpec>("spec.");
    case Kind::kKey:
      return fields_of<KeySpec>("spec.");
    case Kind::kPolicy:
      return fields_of<PolicySpec>("spec.");
  }
  return "";
}

}  // namespace

std::string manifest_reference() {
  std::string page{kPreamble};
  page += "\n## All kinds\n\n" + fields_of<Metadata>("metadata.");
  for (int i = 0; i < kKinds; ++i) {
    const Kind kind = static_cast<Kind>(i);
    page += fmt::format("\n## {}\n\n{}\n\n{}", to_string(kind), prose_of(kind), spec_fields(kind));
  }
  return page;
}

}  // namespace tdn::domain
