#include "domain/identity.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <set>

#include "codec/yaml.h"
#include "domain/digest.h"

namespace tdn::domain {
namespace {

using codec::yaml::Node;

constexpr std::string_view kAccount = "Account";
constexpr std::string_view kPolicySet = "PolicySet";

// What the manifests say about one object, as far as identity goes.
struct Seen {
  std::string digest;
  std::map<std::string, std::string> parts;
};

template <class Spec>
Seen see(const Object<Spec>& object) {
  Seen seen{digest_of(object.spec), {}};
  if constexpr (std::is_same_v<Spec, ModelSpec>) {
    seen.parts["price"] = digest_of(object.spec.price);
    seen.parts["weights"] = "";
  } else if constexpr (std::is_same_v<Spec, SiteSpec>) {
    seen.parts["jurisdiction"] =
        digest_of(object.spec.location) + digest_of(object.spec.jurisdiction);
  }
  return seen;
}

// Of the zones and policies as they are known by now.
std::string policy_set_digest(const Identities& identities) {
  std::map<std::string, std::string> all;
  for (const Kind kind : {Kind::kZone, Kind::kPolicy}) {
    const std::string kind_name(to_string(kind));
    if (const auto found = identities.kinds.find(kind_name); found != identities.kinds.end()) {
      for (const auto& [name, identity] : found->second) {
        all[kind_name + " " + name] = identity.revision.digest;
      }
    }
  }
  return digest_of_fields(
      [&](FieldVisitor& fields) { fields.labels({.name = "all", .prose = ""}, all); });
}

bool revise(Revision& revision, const std::string& digest, bool fresh) {
  if (!fresh && revision.digest == digest) {
    return false;
  }
  revision.version += fresh ? 0 : 1;
  revision.digest = digest;
  return true;
}

bool take(Identities& identities, std::string_view kind, const std::string& name, const Seen& seen,
          WallTime now, Random& random) {
  const auto [at, fresh] = identities.kinds[std::string(kind)].try_emplace(name);
  Identity& identity = at->second;
  if (fresh) {
    identity.uid = Uid::make(now, random);
  }
  bool changed = revise(identity.revision, seen.digest, fresh);
  for (const auto& [part, digest] : seen.parts) {
    const auto [part_at, part_fresh] = identity.parts.try_emplace(part);
    changed |= revise(part_at->second, digest, part_fresh);
  }
  return changed || fresh;
}

// Moves what is not among the names to `former`.
bool forget_others(Identities& identities, const std::string& kind,
                   const std::set<std::string_view>& names) {
  std::vector<std::string> gone;
  for (const auto& [name, identity] : identities.kinds[kind]) {
    if (!names.contains(name)) {
      gone.push_back(name);
    }
  }
  for (const std::string& name : gone) {
    forget(identities, kind, name);
  }
  return !gone.empty();
}

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result.push_back('\\');
    }
    result.push_back(c);
  }
  return result + "\"";
}

std::string revision_json(const Revision& revision) {
  return fmt::format("\"version\":{},\"digest\":{}", revision.version, quote(revision.digest));
}

// The members of a mapping as "name":value, joined by commas.
template <class Map, class Print>
std::string members(const Map& map, Print print) {
  std::string result;
  for (const auto& [name, value] : map) {
    result += fmt::format("{}{}:{}", result.empty() ? "" : ",", quote(name), print(value));
  }
  return result;
}

std::string identity_json(const Identity& identity) {
  const std::string parts = members(identity.parts, [](const Revision& part) {
    return fmt::format("{{{}}}", revision_json(part));
  });
  return fmt::format("\n{{\"uid\":\"{}\",{}{}}}", to_string(identity.uid),
                     revision_json(identity.revision),
                     parts.empty() ? "" : fmt::format(",\"parts\":{{{}}}", parts));
}

std::string text_of(const Node& node, std::string_view member) {
  const Node* found = node.find(member);
  return found == nullptr ? "" : found->text;
}

std::optional<Revision> read_revision(const Node& node) {
  const std::string version = text_of(node, "version");
  Revision revision;
  const char* end = version.data() + version.size();
  const auto parsed = std::from_chars(version.data(), end, revision.version);
  if (parsed.ec != std::errc() || parsed.ptr != end || revision.version == 0) {
    return std::nullopt;
  }
  revision.digest = text_of(node, "digest");
  return revision;
}

std::optional<Identity> read_identity(const Node& node) {
  const auto uid = Uid::parse(text_of(node, "uid"));
  auto revision = read_revision(node);
  if (!uid || !revision) {
    return std::nullopt;
  }
  Identity identity{*uid, *std::move(revision), {}};
  if (const Node* parts = node.find("parts")) {
    for (const auto& part : parts->entries) {
      auto part_revision = read_revision(part.value);
      if (!part_revision) {
        return std::nullopt;
      }
      identity.parts.emplace(part.key, *std::move(part_revision));
    }
  }
  return identity;
}

}  // namespace

const Identity* Identities::find(std::string_view kind, std::string_view name) const {
  const auto of_kind = kinds.find(std::string(kind));
  if (of_kind == kinds.end()) {
    return nullptr;
  }
  const auto found = of_kind->second.find(std::string(name));
  return found == of_kind->second.end() ? nullptr : &found->second;
}

template <class Spec>
bool revise(Identities& identities, Kind kind, const Object<Spec>& object, WallTime now,
            Random& random) {
  return take(identities, to_string(kind), object.metadata.name, see(object), now, random);
}
template bool revise(Identities&, Kind, const Object<ZoneSpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<SiteSpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<ModelSpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<EndpointSpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<TenantSpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<ProjectSpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<KeySpec>&, WallTime, Random&);
template bool revise(Identities&, Kind, const Object<PolicySpec>&, WallTime, Random&);

bool forget(Identities& identities, std::string_view kind, const std::string& name) {
  const auto objects = identities.kinds.find(std::string(kind));
  if (objects == identities.kinds.end()) {
    return false;
  }
  const auto found = objects->second.find(name);
  if (found == objects->second.end()) {
    return false;
  }
  identities.former.push_back({std::string(kind), name, found->second.uid});
  objects->second.erase(found);
  if (identities.former.size() > Identities::kMostFormer) {
    identities.former.erase(identities.former.begin());
  }
  return true;
}

bool revise_common(Identities& identities, const Manifests& manifests, WallTime now,
                   Random& random) {
  std::set<std::string_view> accounts;
  for (const auto& site : manifests.sites) {
    if (!site.spec.owner.empty()) {
      accounts.insert(std::string_view(site.spec.owner).substr(site.spec.owner.find('/') + 1));
    }
  }
  bool changed = forget_others(identities, std::string(kAccount), accounts);
  for (const std::string_view account : accounts) {
    changed |= take(identities, kAccount, std::string(account), {}, now, random);
  }
  const Seen policies{policy_set_digest(identities), {}};
  return take(identities, kPolicySet, "all", policies, now, random) || changed;
}

bool update(Identities& identities, const Manifests& manifests, WallTime now, Random& random) {
  bool changed = false;
  for_each_list(manifests, [&](Kind kind, const auto& objects) {
    std::set<std::string_view> names;
    for (const auto& object : objects) {
      names.insert(object.metadata.name);
    }
    changed |= forget_others(identities, std::string(to_string(kind)), names);
    for (const auto& object : objects) {
      changed |= revise(identities, kind, object, now, random);
    }
  });
  return revise_common(identities, manifests, now, random) || changed;
}

std::string to_json(const Identities& identities) {
  const std::string kinds = members(identities.kinds, [](const auto& objects) {
    return fmt::format("{{{}}}", members(objects, identity_json));
  });
  std::string former;
  for (const FormerObject& object : identities.former) {
    former +=
        fmt::format("{}\n{{\"kind\":{},\"name\":{},\"uid\":\"{}\"}}", former.empty() ? "" : ",",
                    quote(object.kind), quote(object.name), to_string(object.uid));
  }
  return fmt::format("{{\"kinds\":{{{}}},\n\"former\":[{}]}}\n", kinds, former);
}

Result<Identities> parse_identities(std::string_view json, std::string_view file) {
  const codec::yaml::Limits limits{.bytes = 256 << 20, .nodes = 20'000'000};
  TDN_TRY(const std::vector<Node> documents, codec::yaml::parse(json, file, limits));
  const auto damaged = [&](const Node& node) {
    return fail(Code::kCorrupt,
                fmt::format("{}:{}: damaged; restore the file from a backup of the state folder",
                            file, node.line));
  };
  if (documents.size() != 1 || documents[0].find("kinds") == nullptr) {
    return damaged(Node{});
  }
  Identities identities;
  for (const auto& kind : documents[0].find("kinds")->entries) {
    auto& objects = identities.kinds[kind.key];  // also if it has none by now
    for (const auto& object : kind.value.entries) {
      auto identity = read_identity(object.value);
      if (!identity) {
        return damaged(object.value);
      }
      objects.emplace(object.key, *std::move(identity));
    }
  }
  if (const Node* former = documents[0].find("former")) {
    for (const Node& object : former->items) {
      const auto uid = Uid::parse(text_of(object, "uid"));
      if (!uid) {
        return damaged(object);
      }
      identities.former.push_back({text_of(object, "kind"), text_of(object, "name"), *uid});
    }
  }
  return identities;
}

}  // namespace tdn::domain
