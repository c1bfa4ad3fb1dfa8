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

// What the manifests say about one object, as far as identity goes.
struct Seen {
  std::string digest;
  std::map<std::string, std::string> parts;
};
using SeenKinds = std::map<std::string, std::map<std::string, Seen>>;

template <class Spec>
void see(SeenKinds& seen, Kind kind, const std::vector<Object<Spec>>& objects) {
  for (const auto& object : objects) {
    seen[std::string(to_string(kind))][object.metadata.name].digest = digest_of(object.spec);
  }
}

std::string policy_set_digest(const SeenKinds& seen) {
  std::map<std::string, std::string> all;
  for (const Kind kind : {Kind::kZone, Kind::kPolicy}) {
    const std::string kind_name(to_string(kind));
    if (const auto found = seen.find(kind_name); found != seen.end()) {
      for (const auto& [name, object] : found->second) {
        all[kind_name + " " + name] = object.digest;
      }
    }
  }
  return digest_of_fields(
      [&](FieldVisitor& fields) { fields.labels({.name = "all", .prose = ""}, all); });
}

SeenKinds see_all(const Manifests& all) {
  SeenKinds seen;
  see(seen, Kind::kZone, all.zones);
  see(seen, Kind::kSite, all.sites);
  see(seen, Kind::kModel, all.models);
  see(seen, Kind::kEndpoint, all.endpoints);
  see(seen, Kind::kTenant, all.tenants);
  see(seen, Kind::kProject, all.projects);
  see(seen, Kind::kKey, all.keys);
  see(seen, Kind::kPolicy, all.policies);
  for (const auto& model : all.models) {
    auto& parts = seen["Model"][model.metadata.name].parts;
    parts["price"] = digest_of(model.spec.price);
    parts["weights"] = "";
  }
  for (const auto& site : all.sites) {
    seen["Site"][site.metadata.name].parts["jurisdiction"] =
        digest_of(site.spec.location) + digest_of(site.spec.jurisdiction);
    if (!site.spec.owner.empty()) {
      seen["Account"][site.spec.owner.substr(site.spec.owner.find('/') + 1)];
    }
  }
  seen["PolicySet"]["all"].digest = policy_set_digest(seen);
  return seen;
}

bool revise(Revision& revision, const std::string& digest, bool fresh) {
  if (!fresh && revision.digest == digest) {
    return false;
  }
  revision.version += fresh ? 0 : 1;
  revision.digest = digest;
  return true;
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

bool update(Identities& identities, const Manifests& manifests, WallTime now, Random& random) {
  const SeenKinds seen = see_all(manifests);
  bool changed = false;
  for (auto& [kind, objects] : identities.kinds) {
    const auto seen_kind = seen.find(kind);
    for (auto at = objects.begin(); at != objects.end();) {
      if (seen_kind != seen.end() && seen_kind->second.contains(at->first)) {
        ++at;
        continue;
      }
      identities.former.push_back({kind, at->first, at->second.uid});
      at = objects.erase(at);
      changed = true;
    }
  }
  for (const auto& [kind, objects] : seen) {
    for (const auto& [name, object] : objects) {
      auto [at, fresh] = identities.kinds[kind].try_emplace(name);
      Identity& identity = at->second;
      if (fresh) {
        identity.uid = Uid::make(now, random);
      }
      changed |= revise(identity.revision, object.digest, fresh);
      for (const auto& [part, digest] : object.parts) {
        const auto [part_at, part_fresh] = identity.parts.try_emplace(part);
        changed |= revise(part_at->second, digest, part_fresh);
      }
    }
  }
  if (identities.former.size() > Identities::kMostFormer) {
    const auto excess = identities.former.size() - Identities::kMostFormer;
    identities.former.erase(identities.former.begin(),
                            identities.former.begin() + static_cast<std::ptrdiff_t>(excess));
  }
  return changed;
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
    for (const auto& object : kind.value.entries) {
      auto identity = read_identity(object.value);
      if (!identity) {
        return damaged(object.value);
      }
      identities.kinds[kind.key].emplace(object.key, *std::move(identity));
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
