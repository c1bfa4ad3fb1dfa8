#include "control/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "base/assert.h"
#include "codec/json_reader.h"
#include "domain/digest.h"
#include "domain/references.h"
#include "domain/spec_json.h"
#include "protocol/snapshot_sections.h"

namespace tdn::control {
namespace {

using codec::JsonReader;
using domain::Kind;
using domain::Manifests;
using domain::Object;

void soil(Dirty& dirty, Kind kind, const Uid& uid) {
  switch (kind) {
    case Kind::kZone:
      dirty.policies = true;  // which hold the version of zones and policies together
      [[fallthrough]];
    case Kind::kSite:
    case Kind::kModel:
    case Kind::kEndpoint:
      dirty.catalogue = true;
      return;
    case Kind::kTenant:
    case Kind::kProject:
      dirty.tenants = true;
      return;
    case Kind::kKey:
      dirty.key_shards.insert(protocol::key_shard(uid));
      return;
    case Kind::kPolicy:
      dirty.policies = true;
      return;
  }
}

template <class Spec>
bool same(const Object<Spec>& a, const Object<Spec>& b, const std::string& digest_of_a) {
  return a.metadata.labels == b.metadata.labels &&
         a.metadata.annotations == b.metadata.annotations &&
         digest_of_a == domain::digest_of(b.spec);
}

// In the order of the sources, for each object: where it stands and what happens to it.
struct Planned {
  domain::Place place;
  Outcome outcome;
};

template <class Spec>
Result<Planned> plan_object(Kind kind, const Object<Spec>& object, const Object<Spec>* present,
                            const domain::Identity* identity) {
  const std::string& wanted = object.metadata.resource_version;
  const std::string_view current =
      present == nullptr ? std::string_view() : present->metadata.resource_version;
  if (!wanted.empty() && wanted != current) {
    return fail(
        Code::kConflict,
        present == nullptr
            ? fmt::format("there is no {} `{}` any more, and version {} of it was meant; leave "
                          "metadata.resourceVersion out to create it",
                          domain::to_string(kind), object.metadata.name, wanted)
            : fmt::format("{} `{}` has version {} by now, not {}; get it again and make your "
                          "change to that",
                          domain::to_string(kind), object.metadata.name, current, wanted));
  }
  Planned planned{object.place, {.object = {kind, object.metadata.name}}};
  if (present == nullptr) {
    planned.outcome.action = Action::kCreated;
    return planned;
  }
  TDN_ASSERT(identity != nullptr);
  planned.outcome.action =
      same(*present, object, identity->revision.digest) ? Action::kUnchanged : Action::kConfigured;
  planned.outcome.uid = identity->uid;
  planned.outcome.resource_version = std::stoull(present->metadata.resource_version);
  return planned;
}

// Puts objects into a sorted list; those of equal name are replaced.
template <class Spec>
void put(std::vector<Object<Spec>>& sorted, std::vector<Object<Spec>> objects) {
  constexpr std::size_t kFew = 16;
  std::vector<Object<Spec>> fresh;
  for (Object<Spec>& object : objects) {
    if (Object<Spec>* present = domain::find_object(sorted, object.metadata.name)) {
      *present = std::move(object);
    } else {
      fresh.push_back(std::move(object));
    }
  }
  if (fresh.size() <= kFew) {
    for (Object<Spec>& object : fresh) {
      const auto at = domain::place_of(sorted, object.metadata.name);
      sorted.insert(at, std::move(object));
    }
    return;
  }
  std::vector<Object<Spec>> merged;
  merged.reserve(sorted.size() + fresh.size());
  std::merge(std::make_move_iterator(sorted.begin()), std::make_move_iterator(sorted.end()),
             std::make_move_iterator(fresh.begin()), std::make_move_iterator(fresh.end()),
             std::back_inserter(merged), [](const Object<Spec>& a, const Object<Spec>& b) {
               return a.metadata.name < b.metadata.name;
             });
  sorted = std::move(merged);
}

Error unreadable(const store::ObjectRow& row, std::string_view why) {
  return {Code::kCorrupt, fmt::format("the store's {} `{}` cannot be read ({}); restore the store "
                                      "from a backup",
                                      row.kind, row.name, why)};
}

}  // namespace

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kCreated:
      return "created";
    case Action::kConfigured:
      return "configured";
    case Action::kUnchanged:
      return "unchanged";
    case Action::kMissing:
      return "missing";
    case Action::kDeleted:
      return "deleted";
  }
  return "";
}

template <class Spec>
std::string document_of(const Object<Spec>& object) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("metadata");
  domain::Metadata metadata = object.metadata;
  domain::write_json(json, [&](domain::FieldVisitor& fields) { describe(fields, metadata); });
  json.key("spec");
  domain::write_spec(json, object.spec);
  json.end_object();
  return text;
}

std::string show(Kind kind, std::string_view document, std::string_view status) {
  TDN_ASSERT(document.size() > 2 && document.front() == '{');
  return fmt::format(R"({{"apiVersion":"tdn/v1","kind":"{}",{},"status":{}}})",
                     domain::to_string(kind), document.substr(1, document.size() - 2), status);
}

// --- reading the store ---

Result<Catalogue> Catalogue::load(store::Transaction& transaction) {
  Catalogue catalogue;
  Result<void> loaded;
  TDN_TRY_VOID(transaction.visit_objects([&](const store::ObjectRow& row) {
    loaded = catalogue.load_object(row);
    return loaded.has_value();
  }));
  TDN_TRY_VOID(std::move(loaded));
  TDN_TRY_VOID(transaction.visit_former([&](const domain::FormerObject& object) {
    catalogue.identities_.former.push_back(object);
    catalogue.names_[object.kind].emplace(object.uid, object.name);
    return true;
  }));
  return catalogue;
}

Result<void> Catalogue::load_object(const store::ObjectRow& row) {
  identities_.kinds[row.kind].emplace(row.name, row.identity);
  remember(row.kind, row.name, row.identity.uid);
  if (row.document.empty()) {
    return {};
  }
  const std::optional<Kind> kind = domain::parse_kind(row.kind);
  std::string_view metadata;
  std::string_view spec;
  JsonReader json(row.document);
  if (json.enter_object()) {
    while (const auto key = json.next_key()) {
      (*key == "metadata" ? metadata : spec) = json.skip();
    }
  }
  if (!kind || !json.finish() || metadata.empty() || spec.empty()) {
    return fail(unreadable(row, "damaged"));
  }
  Result<void> read;
  for_each_list(manifests_, [&]<class Spec>(Kind of, std::vector<Object<Spec>>& list) {
    if (of != *kind) {
      return;
    }
    Object<Spec> object;
    object.place.file = "control";
    read = domain::read_json(metadata, "metadata", [&](domain::FieldVisitor& fields) {
      describe(fields, object.metadata);
    });
    if (read) {
      read = domain::read_json(
          spec, "spec", [&](domain::FieldVisitor& fields) { describe(fields, object.spec); });
    }
    if (!read || object.metadata.name != row.name) {
      read = fail(unreadable(row, read ? "another name" : read.error().detail()));
      return;
    }
    claim(of, object);
    list.push_back(std::move(object));  // rows come in the order of names
  });
  return read;
}

// --- what is applied ---

Result<Manifests> Catalogue::check(std::span<const domain::Source> sources) const {
  auto parsed = domain::parse_manifests(sources, this);
  if (!parsed) {
    return fail(Code::kInvalidManifest, parsed.error().detail());
  }
  return parsed;
}

Result<std::vector<Outcome>> Catalogue::plan(const Manifests& applied) const {
  std::vector<Planned> planned;
  Result<void> good;
  for_each_list(applied, [&]<class Spec>(Kind kind, const std::vector<Object<Spec>>& list) {
    for (const Object<Spec>& object : list) {
      const auto* present = find_object(domain::objects_of<Spec>(manifests_), object.metadata.name);
      const auto* identity = identities_.find(domain::to_string(kind), object.metadata.name);
      auto one = plan_object(kind, object, present, identity);
      if (one) {
        planned.push_back(*std::move(one));
      } else if (good) {
        good = fail(std::move(one).error());
      }
    }
  });
  TDN_TRY_VOID(std::move(good));
  std::sort(planned.begin(), planned.end(), [](const Planned& a, const Planned& b) {
    return std::tie(a.place.file, a.place.line, a.outcome.object) <
           std::tie(b.place.file, b.place.line, b.outcome.object);
  });
  std::vector<Outcome> outcomes;
  for (Planned& one : planned) {
    outcomes.push_back(std::move(one.outcome));
  }
  return outcomes;
}

Result<void> Catalogue::apply(store::Transaction& transaction, Manifests applied,
                              std::vector<Outcome>& plan, const Change& change, Dirty& dirty) {
  Result<void> done;
  for_each_list(applied, [&](Kind kind, auto& list) {
    if (done) {
      done = apply_list(transaction, kind, std::move(list), plan, change, dirty);
    }
  });
  TDN_TRY_VOID(std::move(done));
  return revise_common(transaction, change, dirty);
}

template <class Spec>
Result<void> Catalogue::apply_list(store::Transaction& transaction, Kind kind,
                                   std::vector<Object<Spec>> applied, std::vector<Outcome>& plan,
                                   const Change& change, Dirty& dirty) {
  std::map<std::string_view, Outcome*> outcomes;
  for (Outcome& outcome : plan) {
    if (outcome.object.kind == kind) {
      outcomes.emplace(outcome.object.name, &outcome);
    }
  }
  auto& list = domain::objects_of<Spec>(manifests_);
  std::vector<Object<Spec>> changed;
  for (Object<Spec>& object : applied) {
    Outcome& outcome = *outcomes.at(object.metadata.name);
    if (outcome.action == Action::kUnchanged) {
      continue;
    }
    domain::revise(identities_, kind, object, change.now, *change.random);
    const domain::Identity& identity =
        *identities_.find(domain::to_string(kind), object.metadata.name);
    outcome.uid = identity.uid;
    outcome.resource_version = change.version;
    const Object<Spec>* present = find_object(list, object.metadata.name);
    if (present != nullptr) {
      disclaim(*present);
    }
    object.metadata.uid = to_string(identity.uid);
    object.metadata.resource_version = std::to_string(change.version);
    object.metadata.created_at =
        present != nullptr ? present->metadata.created_at : std::optional(change.now);
    object.place = {"control", 0};
    soil(dirty, kind, identity.uid);
    remember(domain::to_string(kind), object.metadata.name, identity.uid);
    TDN_TRY_VOID(write(transaction, kind, object));
    changed.push_back(std::move(object));
  }
  for (const Object<Spec>& object : changed) {  // after all have given up what they held
    claim(kind, object);
  }
  put(list, std::move(changed));
  return {};
}

template <class Spec>
Result<void> Catalogue::write(store::Transaction& transaction, Kind kind,
                              const Object<Spec>& object) {
  return transaction.put_object(
      {.kind = std::string(domain::to_string(kind)),
       .name = object.metadata.name,
       .identity = *identities_.find(domain::to_string(kind), object.metadata.name),
       .document = document_of(object)});
}

Result<void> Catalogue::revise_common(store::Transaction& transaction, const Change& change,
                                      Dirty& dirty) {
  const auto accounts = identities_.kinds["Account"];
  const auto policy_set = identities_.kinds["PolicySet"];
  if (!domain::revise_common(identities_, manifests_, change.now, *change.random)) {
    return {};
  }
  dirty.catalogue = true;
  dirty.policies = true;
  TDN_TRY_VOID(write_identities(transaction, "Account", accounts));
  return write_identities(transaction, "PolicySet", policy_set);
}

Result<void> Catalogue::write_identities(store::Transaction& transaction, const std::string& kind,
                                         const std::map<std::string, domain::Identity>& before) {
  const auto& after = identities_.kinds[kind];
  for (const auto& [name, identity] : before) {
    if (!after.contains(name)) {
      TDN_TRY_VOID(transaction.remove_object(kind, name));
      TDN_TRY_VOID(transaction.add_former({kind, name, identity.uid}));
    }
  }
  for (const auto& [name, identity] : after) {
    const auto former = before.find(name);
    if (former == before.end() || former->second.revision.version != identity.revision.version) {
      remember(kind, name, identity.uid);
      TDN_TRY_VOID(transaction.put_object(
          {.kind = kind, .name = name, .identity = identity, .document = {}}));
    }
  }
  return {};
}

// --- removal ---

Result<std::vector<Outcome>> Catalogue::check_removal(std::span<const ObjectName> objects) const {
  constexpr std::size_t kMostShown = 10;
  const std::set<ObjectName> all(objects.begin(), objects.end());
  std::vector<Outcome> outcomes;
  std::string faults;
  for (const ObjectName& object : all) {
    const auto* identity = identities_.find(domain::to_string(object.kind), object.name);
    if (identity == nullptr || !has(object)) {
      outcomes.push_back({object, Action::kMissing});
      continue;
    }
    outcomes.push_back({object, Action::kDeleted, identity->uid});
    std::vector<ObjectName> users = users_of(manifests_, object, kMostShown + 1 + all.size());
    std::erase_if(users, [&](const ObjectName& user) { return all.contains(user); });
    if (users.empty()) {
      continue;
    }
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < std::min(users.size(), kMostShown); ++i) {
      shown.push_back(fmt::format("{} `{}`", domain::to_string(users[i].kind), users[i].name));
    }
    faults += fmt::format("{}{} `{}` is in use by {}{}; delete or change {} first",
                          faults.empty() ? "" : "\n", domain::to_string(object.kind), object.name,
                          fmt::join(shown, ", "), users.size() > kMostShown ? " and others" : "",
                          users.size() == 1 ? "it" : "them");
  }
  if (!faults.empty()) {
    return fail(Code::kInUse, std::move(faults));
  }
  std::ranges::reverse(outcomes);  // for people: whatever refers stands before what it refers to
  return outcomes;
}

Result<void> Catalogue::remove(store::Transaction& transaction, std::vector<Outcome>& plan,
                               const Change& change, Dirty& dirty) {
  for (Outcome& outcome : plan) {
    const ObjectName& object = outcome.object;
    if (outcome.action != Action::kDeleted) {
      continue;
    }
    outcome.resource_version = change.version;
    soil(dirty, object.kind, outcome.uid);
    for_each_list(manifests_, [&](Kind kind, auto& list) {
      if (kind == object.kind) {
        const auto at = domain::place_of(list, object.name);
        TDN_ASSERT(at != list.end() && at->metadata.name == object.name);
        disclaim(*at);
        list.erase(at);
      }
    });
    TDN_TRY_VOID(forget(transaction, std::string(domain::to_string(object.kind)), object.name));
  }
  return revise_common(transaction, change, dirty);
}

Result<void> Catalogue::forget(store::Transaction& transaction, const std::string& kind,
                               const std::string& name) {
  const Uid uid = identities_.find(kind, name)->uid;
  domain::forget(identities_, kind, name);
  TDN_TRY_VOID(transaction.remove_object(kind, name));
  return transaction.add_former({kind, name, uid});
}

// --- looking up ---

template <class Spec>
void Catalogue::claim(Kind kind, const Object<Spec>& object) {
  if constexpr (std::is_same_v<Spec, domain::ModelSpec> || std::is_same_v<Spec, domain::KeySpec>) {
    for (std::string& claimed : claims_of(object)) {
      claims_.insert_or_assign(std::move(claimed), ObjectName{kind, object.metadata.name});
    }
  }
}

template <class Spec>
void Catalogue::disclaim(const Object<Spec>& object) {
  if constexpr (std::is_same_v<Spec, domain::ModelSpec> || std::is_same_v<Spec, domain::KeySpec>) {
    for (const std::string& claimed : claims_of(object)) {
      claims_.erase(claimed);
    }
  }
}

void Catalogue::remember(std::string_view kind, const std::string& name, const Uid& uid) {
  names_[std::string(kind)].insert_or_assign(uid, name);
}

std::string Catalogue::name_of(std::string_view kind, const Uid& uid) const {
  const auto names = names_.find(kind);
  if (names == names_.end()) {
    return "";
  }
  const auto found = names->second.find(uid);
  return found == names->second.end() ? "" : found->second;
}

Error Catalogue::missing(const ObjectName& object) const {
  constexpr std::size_t kMostGuessed = 10'000;
  std::vector<std::string_view> names;
  add_names(object.kind, kMostGuessed, names);
  const std::string hint = domain::did_you_mean(object.name, names);
  const std::string_view kind = domain::to_string(object.kind);
  return {Code::kNotFound, fmt::format("there is no {} `{}`{}", kind, object.name.substr(0, 200),
                                       hint.empty() ? "; list those that are there" : hint)};
}

bool Catalogue::has(const ObjectName& object) const {
  bool found = false;
  for_each_list(manifests_, [&](Kind kind, const auto& list) {
    found = found || (kind == object.kind && find_object(list, object.name) != nullptr);
  });
  return found;
}

void Catalogue::add_names(Kind kind, std::size_t most, std::vector<std::string_view>& names) const {
  for_each_list(manifests_, [&](Kind of, const auto& list) {
    for (std::size_t i = 0; of == kind && list.size() <= most && i < list.size(); ++i) {
      names.push_back(list[i].metadata.name);
    }
  });
}

std::optional<ObjectName> Catalogue::holder(const std::string& claim) const {
  const auto found = claims_.find(claim);
  return found == claims_.end() ? std::nullopt : std::optional(found->second);
}

template std::string document_of(const Object<domain::ZoneSpec>&);
template std::string document_of(const Object<domain::SiteSpec>&);
template std::string document_of(const Object<domain::ModelSpec>&);
template std::string document_of(const Object<domain::EndpointSpec>&);
template std::string document_of(const Object<domain::TenantSpec>&);
template std::string document_of(const Object<domain::ProjectSpec>&);
template std::string document_of(const Object<domain::KeySpec>&);
template std::string document_of(const Object<domain::PolicySpec>&);

}  // namespace tdn::control
