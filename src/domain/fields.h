// How a kind's fields are declared: a `describe` function walks a spec and hands every field to a
// visitor with its name, prose, rule and storage. What the storage holds in a fresh spec is the
// default. Visitors: read.cc fills specs from YAML, reference.cc writes the manual page, digest.cc
// hashes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "domain/manifest.h"

namespace tdn::domain {

// What a text field may hold.
enum class Format : std::uint8_t {
  kText,         // any printable text
  kLabel,        // a DNS label
  kName,         // DNS labels nested by slashes: tenant/project/key
  kModelAlias,   // a model's other public name
  kEngineModel,  // what an engine calls a model
  kToken,        // letters, digits, . _ -
  kCountry,      // ISO 3166-1 alpha-2
  kCurrency,     // ISO 4217: three letters
  kHttpUrl,      // http://host:port, no path
  kEngineUrl,    // the same with an optional path
  kAccount,      // accounts/NAME
  kKeyId,        // ten digits of Crockford's base32
  kSha256,       // 64 hex digits
  kPath,         // of a file
  kVariable,     // of the environment
  kUid,          // as base/uid.h writes it
  kCount,        // a number that may pass 2^53, so a decimal text
};

// What a format takes, for the reference page.
[[nodiscard]] std::string_view prose_of(Format format);
// What is wrong with `text` and what to do, or nothing.
[[nodiscard]] std::optional<std::string> check_format(Format format, std::string_view text);

struct Field {
  std::string_view name;
  std::string_view prose;
  bool required = false;
  std::string_view shown_default =
      {};  // where the stored default does not say it: "the model's price"
};

struct TextRule {
  Format format = Format::kText;
  std::optional<Kind> refers = {};  // names an object of this kind, which must exist
  bool built = true;                // false: refused unless left at its default
};

struct IntegerRule {
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
};

// The values after the first `built` are known by name but refused as not built yet.
struct ChoiceRule {
  std::span<const std::string_view> names;
  std::size_t built = 0;
  std::string_view instead = {};  // what to do about a value not built
};

class FieldVisitor {
 public:
  using Describe = std::function<void(FieldVisitor&)>;

  // A list of objects behind a uniform face.
  struct List {
    std::size_t size = 0;
    std::size_t most = 0;                                // elements at most
    std::function<void(FieldVisitor&)> append;           // adds a fresh element and describes it
    std::function<void(FieldVisitor&, std::size_t)> at;  // describes an existing element
  };

  virtual ~FieldVisitor() = default;
  virtual void text(const Field& field, const TextRule& rule, std::string& value) = 0;
  virtual void texts(const Field& field, const TextRule& rule,
                     std::vector<std::string>& values) = 0;
  virtual void labels(const Field& field, std::map<std::string, std::string>& values) = 0;
  virtual void integer(const Field& field, const IntegerRule& rule, std::int64_t& value) = 0;
  virtual void degrees(const Field& field, double bound, double& value) = 0;
  virtual void flag(const Field& field, bool& value) = 0;
  virtual void price(const Field& field, Price& value) = 0;
  virtual void price(const Field& field, std::optional<Price>& value) = 0;
  virtual void time(const Field& field, std::optional<WallTime>& value) = 0;
  virtual void choice(const Field& field, const ChoiceRule& rule, int& value) = 0;
  // A nested mapping. `made` is told when it is there.
  virtual void object(const Field& field, const Describe& describe) = 0;
  virtual void optional_object(const Field& field, bool present, const std::function<void()>& make,
                               const Describe& describe) = 0;
  virtual void list(const Field& field, const List& list) = 0;
  // Known by name, not built: refused unless empty.
  virtual void not_built(const Field& field) = 0;

  template <class Enum>
    requires std::is_enum_v<Enum>
  void choice(const Field& field, const ChoiceRule& rule, Enum& value) {
    int number = static_cast<int>(value);
    choice(field, rule, number);
    value = static_cast<Enum>(number);
  }
};

void describe(FieldVisitor& fields, Metadata& metadata);
void describe(FieldVisitor& fields, ZoneSpec& spec);
void describe(FieldVisitor& fields, SiteSpec& spec);
void describe(FieldVisitor& fields, ModelSpec& spec);
void describe(FieldVisitor& fields, EndpointSpec& spec);
void describe(FieldVisitor& fields, TenantSpec& spec);
void describe(FieldVisitor& fields, ProjectSpec& spec);
void describe(FieldVisitor& fields, KeySpec& spec);
void describe(FieldVisitor& fields, PolicySpec& spec);
// Parts that have a version of their own.
void describe(FieldVisitor& fields, Location& location);
void describe(FieldVisitor& fields, Jurisdiction& jurisdiction);
void describe(FieldVisitor& fields, PriceSpec& price);

// One sentence or two for the reference page.
[[nodiscard]] std::string_view prose_of(Kind kind);

}  // namespace tdn::domain
