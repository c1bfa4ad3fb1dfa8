#include "domain/references.h"

#include "domain/fields.h"

namespace tdn::domain {
namespace {

// Looks through a spec for one name.
class Searcher final : public FieldVisitor {
 public:
  explicit Searcher(const ObjectName& target) : target_(target) {}
  [[nodiscard]] bool found() const { return found_; }

  void text(const Field& /*field*/, const TextRule& rule, std::string& value) override {
    found_ |= rule.refers == target_.kind && value == target_.name;
  }
  void texts(const Field& /*field*/, const TextRule& rule,
             std::vector<std::string>& values) override {
    found_ |= rule.refers == target_.kind &&
              std::find(values.begin(), values.end(), target_.name) != values.end();
  }
  void labels(const Field& /*field*/, std::map<std::string, std::string>& /*values*/) override {}
  void integer(const Field& /*field*/, const IntegerRule& /*rule*/,
               std::int64_t& /*value*/) override {}
  void degrees(const Field& /*field*/, double /*bound*/, double& /*value*/) override {}
  void flag(const Field& /*field*/, bool& /*value*/) override {}
  void price(const Field& /*field*/, Price& /*value*/) override {}
  void price(const Field& /*field*/, std::optional<Price>& /*value*/) override {}
  void time(const Field& /*field*/, std::optional<WallTime>& /*value*/) override {}
  void choice(const Field& /*field*/, const ChoiceRule& /*rule*/, int& /*value*/) override {}
  void object(const Field& /*field*/, const Describe& describe) override { describe(*this); }
  void optional_object(const Field& /*field*/, bool present, const std::function<void()>& /*make*/,
                       const Describe& describe) override {
    if (present) {
      describe(*this);
    }
  }
  void list(const Field& /*field*/, const List& list) override {
    for (std::size_t i = 0; i < list.size; ++i) {
      list.at(*this, i);
    }
  }
  void not_built(const Field& /*field*/) override {}

 private:
  const ObjectName& target_;
  bool found_ = false;
};

// The kind that an object's name is nested in, if any.
std::optional<Kind> parent_kind(Kind kind) {
  switch (kind) {
    case Kind::kProject:
      return Kind::kTenant;
    case Kind::kKey:
      return Kind::kProject;
    default:
      return std::nullopt;
  }
}

bool is_within(std::string_view name, std::string_view parent) {
  const std::size_t slash = name.rfind('/');
  return slash != name.npos && name.substr(0, slash) == parent;
}

template <class Spec>
bool uses(Kind kind, const Object<Spec>& object, const ObjectName& target) {
  if (parent_kind(kind) == target.kind && is_within(object.metadata.name, target.name)) {
    return true;
  }
  if constexpr (std::is_same_v<Spec, KeySpec>) {  // by far the most, and few name models
    if (object.spec.models.empty()) {
      return false;
    }
  }
  Spec spec = object.spec;
  Searcher searcher(target);
  describe(searcher, spec);
  return searcher.found();
}

}  // namespace

std::vector<ObjectName> users_of(const Manifests& manifests, const ObjectName& object,
                                 std::size_t most) {
  std::vector<ObjectName> users;
  for_each_list(manifests, [&](Kind kind, const auto& list) {
    for (const auto& user : list) {
      if (users.size() < most && uses(kind, user, object)) {
        users.push_back({kind, user.metadata.name});
      }
    }
  });
  return users;
}

}  // namespace tdn::domain
