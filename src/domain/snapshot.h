// The catalogue as the request path needs it: compiled once from checked manifests, immutable,
// shared by all shards. Objects are numbered, names are resolved, policies are worked out per key,
// so that a request compares no strings but the model's name and decides by looking up. A reload
// makes a new snapshot; a request keeps the one it began with.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/currency.h"
#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"
#include "domain/api_key.h"
#include "domain/country.h"
#include "domain/geo.h"
#include "domain/identity.h"
#include "domain/manifest.h"
#include "domain/site_set.h"
#include "domain/uid_index.h"

namespace tdn::domain {

namespace detail {
struct Policies;
}

using ZoneIndex = Index<struct ZoneTag>;
using ModelIndex = Index<struct ModelTag>;
using EndpointIndex = Index<struct EndpointTag>;
using TenantIndex = Index<struct TenantTag>;
using ProjectIndex = Index<struct ProjectTag>;
using KeyIndex = Index<struct KeyTag>;

struct Zone {
  Uid uid;
  std::string name;
  SiteSet sites;
};

struct Site {
  Uid uid;
  std::uint64_t jurisdiction_version = 1;
  std::string name;
  Country country;
  std::string city;
  Coordinates coordinates;
  std::string gateway;  // empty: clients cannot reach it
  Uid owner;            // account, zero if none
  SiteState state = SiteState::kActive;
};

struct Prices {
  Currency currency;
  Price input;
  Price cached_input;
  Price output;
};

struct Model {
  Uid uid;
  std::uint64_t price_version = 1;
  std::uint64_t weights_version = 1;
  std::string name;
  std::vector<std::string> aliases;
  std::int64_t context_length = 0;  // 0: not stated
  Prices prices;
  std::vector<EndpointIndex> endpoints;  // that serve it
};

struct Served {
  ModelIndex model;
  std::string as;  // what to write into the request
  Prices cost;
};

struct Endpoint {
  Uid uid;
  std::string name;
  SiteIndex site;
  EngineKind kind = EngineKind::kTdn;
  std::string host;  // without brackets
  std::uint16_t port = 80;
  bool tls = false;            // https
  std::string authority;       // for the Host header
  std::string path;            // before /v1; usually empty
  std::vector<Served> models;  // sorted by model
  std::uint32_t concurrency = 0;
  DataCollection data_collection = DataCollection::kDeny;
  std::string credential_file;  // absolute or relative to the working folder; may be empty
  std::string credential_variable;

  // Null if it does not serve the model.
  [[nodiscard]] const Served* served(ModelIndex model) const;
};

// 0 is unlimited.
struct Limits {
  std::int64_t requests_per_minute = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t concurrency = 0;
};

struct Tenant {
  Uid uid;
  std::string name;
  Limits limits;
};

struct Project {
  Uid uid;
  std::string name;
  TenantIndex tenant;
  Limits limits;
};

struct Key {
  Uid uid;
  std::string name;
  TenantIndex tenant;
  ProjectIndex project;
  Limits limits;
  std::vector<ModelIndex> models;              // sorted; empty: any
  Objective objective = Objective::kBalanced;  // never kInherited
  std::optional<WallTime> expires;
  std::uint32_t profile = 0;  // of policy
  std::uint32_t gates = 0;    // of policy, for the models it may use

  // The key's allow-list, before any policy.
  [[nodiscard]] bool lists(ModelIndex model) const;
};

// Stage 1 of policy for one key and client country: where a request may be opened.
struct Gate {
  SiteSet sites;
  std::string denied;  // not empty: every model is denied; the reason
};

// Stage 2 for one key, model and client country: where the request may be processed.
struct Outcome {
  SiteSet sites;                 // empty if denied
  std::string denied;            // not empty: the reason
  std::vector<ZoneIndex> zones;  // that the deciding rules require, in order; empty if unrestricted
};

// Which of control's snapshots this is; zeros without control.
struct SnapshotOrigin {
  std::uint64_t control_epoch = 0;
  std::uint64_t version = 0;
};

// Safe for concurrent readers.
class Snapshot {
 public:
  // `manifests` must be what parse_manifests returned, `identities` brought up to it.
  [[nodiscard]] static std::shared_ptr<const Snapshot> compile(const Manifests& manifests,
                                                               const Identities& identities,
                                                               const SnapshotOrigin& origin = {});
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  [[nodiscard]] const std::vector<Zone>& zones() const { return zones_; }
  [[nodiscard]] const std::vector<Site>& sites() const { return sites_; }
  [[nodiscard]] const std::vector<Model>& models() const { return models_; }
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  [[nodiscard]] const std::vector<Tenant>& tenants() const { return tenants_; }
  [[nodiscard]] const std::vector<Project>& projects() const { return projects_; }
  [[nodiscard]] const std::vector<Key>& keys() const { return keys_; }

  [[nodiscard]] const Zone& operator[](ZoneIndex i) const { return zones_[i.value]; }
  [[nodiscard]] const Site& operator[](SiteIndex i) const { return sites_[i.value]; }
  [[nodiscard]] const Model& operator[](ModelIndex i) const { return models_[i.value]; }
  [[nodiscard]] const Endpoint& operator[](EndpointIndex i) const { return endpoints_[i.value]; }
  [[nodiscard]] const Tenant& operator[](TenantIndex i) const { return tenants_[i.value]; }
  [[nodiscard]] const Project& operator[](ProjectIndex i) const { return projects_[i.value]; }
  [[nodiscard]] const Key& operator[](KeyIndex i) const { return keys_[i.value]; }

  [[nodiscard]] std::optional<SiteIndex> find_site(std::string_view name) const;
  // By name or alias.
  [[nodiscard]] std::optional<ModelIndex> find_model(std::string_view name) const;
  // By uid, as other edges name them.
  [[nodiscard]] std::optional<ModelIndex> find_model(const Uid& uid) const;
  [[nodiscard]] std::optional<EndpointIndex> find_endpoint(const Uid& uid) const;
  [[nodiscard]] std::optional<KeyIndex> find_key(const Uid& uid) const;

  // The key that the presented secret belongs to. Code::kInvalidApiKey if it is malformed,
  // mistyped, unknown, wrong or expired; a malformed or mistyped one costs no lookup.
  [[nodiscard]] Result<KeyIndex> authenticate(std::string_view presented, WallTime now) const;

  // The two stages of policy; policy.h says what they mean and makes errors of them.
  [[nodiscard]] const Gate& gate(const Key& key, Country client) const;
  [[nodiscard]] const Outcome& outcome(const Key& key, ModelIndex model, Country client) const;

  // Counts the changes of all policies and zones: the policy version of a record.
  [[nodiscard]] std::uint64_t policy_version() const { return policy_version_; }
  [[nodiscard]] const SnapshotOrigin& origin() const { return origin_; }

 private:
  friend class Compiler;
  struct Secret {
    KeyIndex key;
    codec::Digest sha256;
  };
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Snapshot();

  std::vector<Zone> zones_;
  std::vector<Site> sites_;
  std::vector<Model> models_;
  std::vector<Endpoint> endpoints_;
  std::vector<Tenant> tenants_;
  std::vector<Project> projects_;
  std::vector<Key> keys_;
  std::unordered_map<std::string, ModelIndex, NameHash, std::equal_to<>> models_by_name_;
  std::unordered_map<KeyId, Secret> secrets_;
  UidIndex models_by_uid_;
  UidIndex endpoints_by_uid_;
  UidIndex keys_by_uid_;
  std::unique_ptr<const detail::Policies> policies_;
  std::uint64_t policy_version_ = 1;
  SnapshotOrigin origin_;
};

// What an edge alone does at start and at each reload: reads and checks the manifests at `path`
// (file or folder), brings `<state>/uids.json` up to them, compiles.
[[nodiscard]] Result<std::shared_ptr<const Snapshot>> open_snapshot(const std::string& path,
                                                                    const std::string& state,
                                                                    WallTime now, Random& random);

}  // namespace tdn::domain
