// Control's side: objects into sections.
#include "protocol/snapshot_sections.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/json_writer.h"
#include "domain/spec_json.h"

namespace tdn::protocol {
namespace {

using codec::JsonWriter;

Section make_section(std::string name, std::string json) {
  Section section;
  section.ref = {std::move(name), codec::sha256(bytes_of(json)), json.size()};
  section.json = std::move(json);
  return section;
}

const domain::Identity& identity_of(const domain::Identities& identities, std::string_view kind,
                                    std::string_view name) {
  const domain::Identity* identity = identities.find(kind, name);
  TDN_ASSERT(identity != nullptr);  // brought up to the manifests
  return *identity;
}

void write_identity(JsonWriter& json, std::string_view name, const domain::Identity& identity) {
  json.key("name").string(name).key("uid").string(to_string(identity.uid));
  if (identity.revision.version != 1) {
    json.key("version").number(identity.revision.version);
  }
  const auto is_first = [](const auto& part) { return part.second.version == 1; };
  if (std::ranges::all_of(identity.parts, is_first)) {
    return;
  }
  json.key("parts").begin_object();
  for (const auto& [part, revision] : identity.parts) {
    if (revision.version != 1) {
      json.key(part).number(revision.version);
    }
  }
  json.end_object();
}

template <class Spec>
void write_object(JsonWriter& json, domain::Kind kind, const domain::Identities& identities,
                  const domain::Object<Spec>& object) {
  const std::string& name = object.metadata.name;
  json.begin_object();
  write_identity(json, name, identity_of(identities, domain::to_string(kind), name));
  json.key("spec");
  domain::write_spec(json, object.spec);
  json.end_object();
}

template <class Spec>
void write_objects(JsonWriter& json, std::string_view list, domain::Kind kind,
                   const domain::Identities& identities,
                   const std::vector<domain::Object<Spec>>& objects) {
  json.key(list).begin_array();
  for (const auto& object : objects) {
    write_object(json, kind, identities, object);
  }
  json.end_array();
}

using Key = domain::Object<domain::KeySpec>;
using KeysByShard = std::array<std::vector<const Key*>, kKeyShards>;

KeysByShard keys_by_shard(const domain::Manifests& manifests,
                          const domain::Identities& identities) {
  KeysByShard keys;
  for (const Key& key : manifests.keys) {
    keys[key_shard(identity_of(identities, "Key", key.metadata.name).uid)].push_back(&key);
  }
  return keys;
}

Section keys_section(unsigned shard, const std::vector<const Key*>& keys,
                     const domain::Identities& identities) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("keys").begin_array();
  for (const Key* key : keys) {
    write_object(json, domain::Kind::kKey, identities, *key);
  }
  json.end_array().end_object();
  return make_section(keys_section_name(shard), std::move(text));
}

}  // namespace

Section write_catalogue(const domain::Manifests& manifests, const domain::Identities& identities) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_objects(json, "zones", domain::Kind::kZone, identities, manifests.zones);
  write_objects(json, "sites", domain::Kind::kSite, identities, manifests.sites);
  json.key("accounts").begin_array();
  if (const auto accounts = identities.kinds.find("Account"); accounts != identities.kinds.end()) {
    for (const auto& [name, identity] : accounts->second) {
      json.begin_object();
      write_identity(json, name, identity);
      json.end_object();
    }
  }
  json.end_array();
  write_objects(json, "models", domain::Kind::kModel, identities, manifests.models);
  write_objects(json, "endpoints", domain::Kind::kEndpoint, identities, manifests.endpoints);
  json.end_object();
  return make_section("catalogue", std::move(text));
}

Section write_tenants(const domain::Manifests& manifests, const domain::Identities& identities) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_objects(json, "tenants", domain::Kind::kTenant, identities, manifests.tenants);
  write_objects(json, "projects", domain::Kind::kProject, identities, manifests.projects);
  json.end_object();
  return make_section("tenants", std::move(text));
}

Section write_policies(const domain::Manifests& manifests, const domain::Identities& identities) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("version").number(identity_of(identities, "PolicySet", "all").revision.version);
  write_objects(json, "policies", domain::Kind::kPolicy, identities, manifests.policies);
  json.end_object();
  return make_section("policies", std::move(text));
}

Section write_trust(std::span<const codec::Ed25519PublicKey> trusted) {
  TDN_ASSERT(!trusted.empty() && trusted.size() <= kMostTrusted);
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("keys").begin_array();
  for (const codec::Ed25519PublicKey& key : trusted) {
    json.begin_object().key("id").string(key_id_of(key));
    json.key("publicKey").string(codec::to_base64(key)).end_object();
  }
  json.end_array().end_object();
  return make_section("trust", std::move(text));
}

unsigned key_shard(const Uid& key) { return key.bytes.back() % kKeyShards; }

std::string keys_section_name(unsigned shard) { return "keys-" + codec::hex_number(shard, 2); }

Section write_keys(const domain::Manifests& manifests, const domain::Identities& identities,
                   unsigned shard) {
  return keys_section(shard, keys_by_shard(manifests, identities)[shard], identities);
}

std::vector<Section> write_sections(const domain::Manifests& manifests,
                                    const domain::Identities& identities,
                                    std::span<const codec::Ed25519PublicKey> trusted) {
  const KeysByShard keys = keys_by_shard(manifests, identities);
  std::vector<Section> sections;
  sections.push_back(write_catalogue(manifests, identities));
  for (unsigned shard = 0; shard < kKeyShards; ++shard) {
    if (!keys[shard].empty()) {
      sections.push_back(keys_section(shard, keys[shard], identities));
    }
  }
  sections.push_back(write_policies(manifests, identities));
  sections.push_back(write_tenants(manifests, identities));
  sections.push_back(write_trust(trusted));
  return sections;
}

std::vector<SectionRef> refs_of(std::span<const Section> sections) {
  std::vector<SectionRef> refs;
  for (const Section& section : sections) {
    refs.push_back(section.ref);
  }
  std::ranges::sort(refs, {}, &SectionRef::name);
  return refs;
}

}  // namespace tdn::protocol
