#include "domain/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "domain/fields.h"

namespace tdn::domain {
namespace {

using Names = std::array<std::vector<std::string_view>, kKinds>;

template <class Spec>
std::vector<std::string_view> names_of(const std::vector<Object<Spec>>& objects) {
  std::vector<std::string_view> names;
  names.reserve(objects.size());
  for (const auto& object : objects) {
    names.push_back(object.metadata.name);
  }
  return names;
}

// Walks a spec and looks at nothing but the names of other objects.
class References final : public FieldVisitor {
 public:
  explicit References(const Names& names) : names_(names) {}

  void text(const Field& field, const TextRule& rule, std::string& value) override {
    if (rule.refers && !value.empty()) {
      refer(field, *rule.refers, value);
    }
  }
  void texts(const Field& field, const TextRule& rule, std::vector<std::string>& values) override {
    if (rule.refers) {
      for (const std::string& value : values) {
        refer(field, *rule.refers, value);
      }
    }
  }
  void labels(const Field&, std::map<std::string, std::string>&) override {}
  void integer(const Field&, const IntegerRule&, std::int64_t&) override {}
  void degrees(const Field&, double, double&) override {}
  void flag(const Field&, bool&) override {}
  void price(const Field&, Price&) override {}
  void price(const Field&, std::optional<Price>&) override {}
  void time(const Field&, std::optional<WallTime>&) override {}
  void choice(const Field&, const ChoiceRule&, int&) override {}
  void object(const Field&, const Describe& describe) override { describe(*this); }
  void optional_object(const Field&, bool present, const std::function<void()>&,
                       const Describe& describe) override {
    if (present) {
      describe(*this);
    }
  }
  void list(const Field&, const List& list) override {
    for (std::size_t i = 0; i < list.size; ++i) {
      list.at(*this, i);
    }
  }
  void not_built(const Field&) override {}

  void refer(const Field& field, Kind kind, std::string_view name) {
    if (missing_.empty() &&
        !std::ranges::binary_search(names_[static_cast<std::size_t>(kind)], name)) {
      missing_ = fmt::format("{}: there is no {} `{}`", field.name, to_string(kind), name);
    }
  }
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  const Names& names_;
  std::string missing_;
};

std::size_t depth_of(std::string_view name) {
  return 1 + static_cast<std::size_t>(std::ranges::count(name, '/'));
}

struct Shape {
  Kind kind;
  std::size_t depth = 1;            // labels in a name
  std::optional<Kind> parent = {};  // named by all labels but the last
};

class Check {
 public:
  Check(const Manifests& all, const Identities& identities)
      : identities_(identities),
        names_{names_of(all.zones),     names_of(all.sites),   names_of(all.models),
               names_of(all.endpoints), names_of(all.tenants), names_of(all.projects),
               names_of(all.keys),      names_of(all.policies)} {}

  template <class Spec>
  Result<void> objects(const Shape& shape, const std::vector<Object<Spec>>& objects) const {
    static const std::map<std::string, Identity> kNone;
    const auto of_kind = identities_.kinds.find(std::string(to_string(shape.kind)));
    const auto& known = of_kind == identities_.kinds.end() ? kNone : of_kind->second;
    auto identity = known.begin();  // in the order of names, as the objects
    std::string_view before;
    for (const auto& object : objects) {
      const std::string& name = object.metadata.name;
      const auto wrong = [&](std::string_view what) {
        return fail(Code::kInvalid, fmt::format("{} `{}`: {}", to_string(shape.kind), name, what));
      };
      if (name <= before) {
        return wrong("stands twice or out of order");
      }
      before = name;
      if (check_format(Format::kName, name) || depth_of(name) != shape.depth) {
        return wrong("is no name of this kind");
      }
      while (identity != known.end() && identity->first < name) {
        ++identity;
      }
      if (identity == known.end() || identity->first != name) {
        return wrong("has no uid");
      }
      References references(names_);
      if (shape.parent) {
        references.refer({.name = "name", .prose = ""}, *shape.parent,
                         std::string_view(name).substr(0, name.rfind('/')));
      }
      // A visitor that only looks: what it is handed stays as it is.
      Spec& spec = const_cast<Spec&>(object.spec);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
      describe(references, spec);
      if (!references.missing().empty()) {
        return wrong(references.missing());
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> part(std::string_view kind, std::string_view name,
                                  std::string_view part) const {
    const Identity* identity = identities_.find(kind, name);
    if (identity == nullptr || (!part.empty() && !identity->parts.contains(std::string(part)))) {
      return fail(Code::kInvalid, fmt::format("{} `{}`: {} is missing", kind, name,
                                              part.empty() ? "its uid" : part));
    }
    return {};
  }

 private:
  const Identities& identities_;
  const Names names_;
};

}  // namespace

Result<void> check_resolved(const Manifests& all, const Identities& identities) {
  const Check check(all, identities);
  TDN_TRY_VOID(check.objects({Kind::kZone}, all.zones));
  TDN_TRY_VOID(check.objects({Kind::kSite}, all.sites));
  TDN_TRY_VOID(check.objects({Kind::kModel}, all.models));
  TDN_TRY_VOID(check.objects({Kind::kEndpoint}, all.endpoints));
  TDN_TRY_VOID(check.objects({Kind::kTenant}, all.tenants));
  TDN_TRY_VOID(check.objects({Kind::kProject, 2, Kind::kTenant}, all.projects));
  TDN_TRY_VOID(check.objects({Kind::kKey, 3, Kind::kProject}, all.keys));
  TDN_TRY_VOID(check.objects({Kind::kPolicy}, all.policies));
  for (const auto& site : all.sites) {
    TDN_TRY_VOID(check.part("Site", site.metadata.name, "jurisdiction"));
    if (!site.spec.owner.empty()) {
      TDN_TRY_VOID(
          check.part("Account", site.spec.owner.substr(site.spec.owner.find('/') + 1), ""));
    }
  }
  for (const auto& model : all.models) {
    TDN_TRY_VOID(check.part("Model", model.metadata.name, "price"));
    TDN_TRY_VOID(check.part("Model", model.metadata.name, "weights"));
  }
  return check.part("PolicySet", "all", "");
}

}  // namespace tdn::domain
