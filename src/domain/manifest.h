// The objects that operators write, as plain values: one struct per kind, its members the fields of
// the manifest with their defaults. Names, prose, bounds and what is not built yet are declared
// once in describe.cc; reading (load.h), the reference page (reference.h) and the digest that
// versions go by (identity.h) all come from there. FORMATS §13 fixes the names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "domain/problems.h"

namespace tdn::domain {

// The kinds that are built, in the order of the reference page.
enum class Kind : std::uint8_t {
  kZone,
  kSite,
  kModel,
  kEndpoint,
  kTenant,
  kProject,
  kKey,
  kPolicy,
};
inline constexpr int kKinds = 8;

[[nodiscard]] std::string_view to_string(Kind kind);
[[nodiscard]] std::optional<Kind> parse_kind(std::string_view text);

struct Metadata {
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // Written by control, which shows them so that what it gives can be applied again.
  std::string uid;
  std::string resource_version;  // decimal
  std::optional<WallTime> created_at;
};

struct ZoneSpec {
  std::vector<std::string> countries;
  std::vector<std::string> operators;
  std::vector<std::string> certifications;
};

struct Location {
  std::string country;
  std::string city;
  double latitude = 0;
  double longitude = 0;
};

struct Jurisdiction {
  std::string legal_operator;
  std::string key_custody;
  std::string log_residency;
  std::vector<std::string> certifications;
};

enum class Reach : std::uint8_t { kDirect, kOutbound };
enum class SiteState : std::uint8_t { kActive, kCordoned, kDraining };

struct SiteSpec {
  Location location;
  Jurisdiction jurisdiction;
  std::string gateway;
  Reach reach = Reach::kDirect;
  std::string owner;
  SiteState state = SiteState::kActive;
};

struct PriceSpec {
  std::string currency = "USD";
  Price input;
  std::optional<Price> cached_input;  // the price of input if not given
  Price output;
};

struct ModelSpec {
  std::vector<std::string> aliases;
  std::int64_t context_length = 0;  // 0: not stated
  PriceSpec price;
};

enum class EngineKind : std::uint8_t { kTdn, kOpenai, kLlamacpp, kVllm, kSglang };
enum class DataCollection : std::uint8_t { kDeny, kAllow };

struct ServedModel {
  std::string model;
  std::string as;  // the engine's name for it; the model's own if empty
};

struct Credential {
  std::string file;
  std::string env;
};

struct EndpointSpec {
  std::string site;
  EngineKind kind = EngineKind::kTdn;
  std::string url;
  std::vector<ServedModel> models;
  std::int64_t concurrency = 64;
  std::optional<PriceSpec> cost;
  DataCollection data_collection = DataCollection::kDeny;
  Credential credential;
};

// 0 is unlimited.
struct LimitsSpec {
  std::int64_t requests_per_minute = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t concurrency = 0;
};

enum class Objective : std::uint8_t { kInherited, kBalanced, kLatency, kCost };

struct TenantSpec {
  std::string display_name;
  std::string partner;
  LimitsSpec limits;
  Objective objective = Objective::kInherited;
};

struct ProjectSpec {
  LimitsSpec limits;
  Objective objective = Objective::kInherited;
};

struct SecretSpec {
  std::string id;
  std::string sha256;
};

struct KeySpec {
  std::vector<std::string> models;
  LimitsSpec limits;
  Objective objective = Objective::kInherited;
  std::optional<WallTime> expires;
  std::vector<SecretSpec> secrets;
  std::vector<std::string> revoked;  // ids of secrets that must not come back
};

struct MatchSpec {
  std::vector<std::string> tenants;
  std::vector<std::string> projects;
  std::vector<std::string> keys;
  std::vector<std::string> models;
  std::vector<std::string> client_countries;
  std::vector<std::string> data_classes;
};

struct RequireSpec {
  std::vector<std::string> zones;
};

// Exactly one of `require`, `deny` and `allow` is set.
struct RuleSpec {
  MatchSpec match;
  RequireSpec require;
  std::string deny;
  bool allow = false;
};

struct PolicySpec {
  std::vector<RuleSpec> rules;
};

template <class Spec>
struct Object {
  Place place;  // of its name
  Metadata metadata;
  Spec spec;
};

// Everything a set of manifests says, each list sorted by name.
struct Manifests {
  std::vector<Object<ZoneSpec>> zones;
  std::vector<Object<SiteSpec>> sites;
  std::vector<Object<ModelSpec>> models;
  std::vector<Object<EndpointSpec>> endpoints;
  std::vector<Object<TenantSpec>> tenants;
  std::vector<Object<ProjectSpec>> projects;
  std::vector<Object<KeySpec>> keys;
  std::vector<Object<PolicySpec>> policies;
};

}  // namespace tdn::domain
