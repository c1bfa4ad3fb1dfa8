// The operator's objects as control holds them: checked, in memory, each with its identity, and the
// same in the store. What is applied is checked against it without anything else being read anew.
//
// `check` and `plan` change nothing. `apply` and `remove` change memory and the transaction alike;
// their errors are failures of the store, after which this object is of no more use.
//
// Belongs to the store's thread.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "domain/identity.h"
#include "domain/load.h"
#include "store/store.h"

namespace tdn::control {

using domain::ObjectName;

enum class Action : std::uint8_t { kCreated, kConfigured, kUnchanged, kDeleted, kMissing };
[[nodiscard]] std::string_view to_string(Action action);

struct Outcome {
  ObjectName object;
  Action action = Action::kUnchanged;
  Uid uid{};                           // zero for what a dry run would create
  std::uint64_t resource_version = 0;  // likewise
};

// What of a snapshot has to be made anew.
struct Dirty {
  bool catalogue = false;
  bool tenants = false;
  bool policies = false;
  std::set<unsigned> key_shards;
};

// What a change is made with.
struct Change {
  std::uint64_t version = 0;  // of the snapshot that will hold it
  WallTime now;
  Random* random = nullptr;
};

class Catalogue final : public domain::Existing {
 public:
  // All that the store has. kCorrupt names what cannot be read.
  [[nodiscard]] static Result<Catalogue> load(store::Transaction& transaction);

  // What the sources say, checked together with what exists. Code::kInvalidManifest, one fault per
  // line.
  [[nodiscard]] Result<domain::Manifests> check(std::span<const domain::Source> sources) const;

  // What applying would come to, in the order in which the sources have the objects.
  // Code::kConflict if one names a resourceVersion that is not the current one.
  [[nodiscard]] Result<std::vector<Outcome>> plan(const domain::Manifests& applied) const;

  // Makes them so, and completes the plan with uids and versions.
  [[nodiscard]] Result<void> apply(store::Transaction& transaction, domain::Manifests applied,
                                   std::vector<Outcome>& plan, const Change& change, Dirty& dirty);

  // What removing them all would come to; what is not there is Action::kMissing. Code::kInUse,
  // which names what refers to one of them and is not among them, one object per line.
  [[nodiscard]] Result<std::vector<Outcome>> check_removal(
      std::span<const ObjectName> objects) const;
  // Those of the plan that are there, and completes it with their versions.
  [[nodiscard]] Result<void> remove(store::Transaction& transaction, std::vector<Outcome>& plan,
                                    const Change& change, Dirty& dirty);

  [[nodiscard]] const domain::Manifests& manifests() const { return manifests_; }
  [[nodiscard]] const domain::Identities& identities() const { return identities_; }
  // Of what is there, or was; empty if it is not known.
  [[nodiscard]] std::string name_of(std::string_view kind, const Uid& uid) const;
  // A hint after "there is no Tenant `x`": what there is of that kind, or what was meant.
  [[nodiscard]] Error missing(const ObjectName& object) const;

  // domain::Existing
  [[nodiscard]] bool has(const ObjectName& object) const override;
  void add_names(domain::Kind kind, std::size_t most,
                 std::vector<std::string_view>& names) const override;
  [[nodiscard]] std::optional<ObjectName> holder(const std::string& claim) const override;

 private:
  Catalogue() = default;
  [[nodiscard]] Result<void> load_object(const store::ObjectRow& row);
  template <class Spec>
  [[nodiscard]] Result<void> apply_list(store::Transaction& transaction, domain::Kind kind,
                                        std::vector<domain::Object<Spec>> applied,
                                        std::vector<Outcome>& plan, const Change& change,
                                        Dirty& dirty);
  template <class Spec>
  [[nodiscard]] Result<void> write(store::Transaction& transaction, domain::Kind kind,
                                   const domain::Object<Spec>& object);
  // Accounts and the set of policies, after the objects.
  [[nodiscard]] Result<void> revise_common(store::Transaction& transaction, const Change& change,
                                           Dirty& dirty);
  [[nodiscard]] Result<void> write_identities(
      store::Transaction& transaction, const std::string& kind,
      const std::map<std::string, domain::Identity>& before);
  [[nodiscard]] Result<void> forget(store::Transaction& transaction, const std::string& kind,
                                    const std::string& name);
  template <class Spec>
  void claim(domain::Kind kind, const domain::Object<Spec>& object);
  template <class Spec>
  void disclaim(const domain::Object<Spec>& object);
  void remember(std::string_view kind, const std::string& name, const Uid& uid);

  domain::Manifests manifests_;
  domain::Identities identities_;
  std::unordered_map<std::string, ObjectName> claims_;
  // Of all that is and was: kind → uid → name.
  std::map<std::string, std::map<Uid, std::string>, std::less<>> names_;
};

// {"metadata":…,"spec":…} of an object: what is stored.
template <class Spec>
[[nodiscard]] std::string document_of(const domain::Object<Spec>& object);
// The object as the API shows it; `status` is a JSON object.
[[nodiscard]] std::string show(domain::Kind kind, std::string_view document,
                               std::string_view status);

}  // namespace tdn::control
