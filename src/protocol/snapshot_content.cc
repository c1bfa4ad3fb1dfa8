// The edge's side: sections into the catalogue.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/assert.h"
#include "domain/resolve.h"
#include "domain/spec_json.h"
#include "protocol/detail/message.h"
#include "protocol/snapshot_sections.h"

namespace tdn::protocol {
namespace {

using detail::MessageReader;
using domain::Identity;

constexpr std::size_t kMostObjects = 1'000'000;  // of one list; the bytes bound it before
constexpr std::size_t kLongestName = 256;
constexpr std::array<std::string_view, 4> kRequired = {"catalogue", "policies", "tenants", "trust"};

std::optional<unsigned> shard_of(std::string_view section) {
  unsigned shard = 0;
  const std::string_view digits = section.substr(std::min<std::size_t>(5, section.size()));
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), shard, 16);
  const bool good = parsed.ec == std::errc() && shard < kKeyShards;
  return good && section == keys_section_name(shard) ? std::optional(shard) : std::nullopt;
}

bool is_known(std::string_view section) {
  return std::ranges::find(kRequired, section) != kRequired.end() || shard_of(section).has_value();
}

// What stands around a spec.
struct ObjectEnvelope {
  std::string name;
  Identity identity;
  std::string_view spec = "{}";
};

ObjectEnvelope read_envelope(MessageReader& in, std::string_view list) {
  ObjectEnvelope object;
  in.object([&](std::string_view member) {
    if (member == "name") {
      object.name = in.text(member, kLongestName);
    } else if (member == "uid") {
      object.identity.uid = in.uid(member);
    } else if (member == "version") {
      object.identity.revision.version = in.number(member, INT64_MAX);
    } else if (member == "parts") {
      in.object([&](std::string_view part) {
        object.identity.parts[std::string(part)].version = in.number(part, INT64_MAX);
      });
    } else if (member == "spec") {
      object.spec = in.raw();
    } else {
      in.wrong(member, "is a member that this version does not know");
      in.skip();
    }
  });
  if (object.name.empty() || object.identity.uid.is_zero()) {
    in.wrong(list, "holds an object without name or uid");
  }
  return object;
}

}  // namespace

// Reads the lists of one section into the content.
class SnapshotContent::SectionReader {
 public:
  SectionReader(SnapshotContent& out, const std::string& section, std::string_view json)
      : out_(out), section_(section), in_(json) {}

  Result<void> run(std::string_view spoken_of) {
    in_.object([&](std::string_view member) { take(member); });
    if (error_) {
      return fail(*std::move(error_));
    }
    if (const auto finished = in_.finish(); !finished) {
      return fail(finished.error().with(fmt::format("section `{}`", spoken_of)));
    }
    return {};
  }

 private:
  void take(std::string_view member) {
    domain::Manifests& all = out_.manifests_;
    const bool catalogue = section_ == "catalogue";
    if (catalogue && member == "zones") {
      return take_objects(member, domain::Kind::kZone, {}, all.zones);
    }
    if (catalogue && member == "sites") {
      return take_objects(member, domain::Kind::kSite, {"jurisdiction"}, all.sites);
    }
    if (catalogue && member == "models") {
      return take_objects(member, domain::Kind::kModel, {"price", "weights"}, all.models);
    }
    if (catalogue && member == "endpoints") {
      return take_objects(member, domain::Kind::kEndpoint, {}, all.endpoints);
    }
    if (catalogue && member == "accounts") {
      return in_.array(member, kMostObjects, [&] { add_identity("Account", read(member)); });
    }
    if (section_ == "tenants" && member == "tenants") {
      return take_objects(member, domain::Kind::kTenant, {}, all.tenants);
    }
    if (section_ == "tenants" && member == "projects") {
      return take_objects(member, domain::Kind::kProject, {}, all.projects);
    }
    if (section_ == "policies" && member == "policies") {
      return take_objects(member, domain::Kind::kPolicy, {}, all.policies);
    }
    if (section_ == "policies" && member == "version") {
      out_.identities_.kinds["PolicySet"]["all"].revision.version = in_.number(member, INT64_MAX);
      return;
    }
    if (section_ == "trust" && member == "keys") {
      return in_.array(member, kMostTrusted, [&] { take_trusted(member); });
    }
    if (section_.starts_with("keys-") && member == "keys") {
      return take_objects(member, domain::Kind::kKey, {}, all.keys);
    }
    in_.wrong(member, "is a list that this version does not know");
    in_.skip();
  }

  ObjectEnvelope read(std::string_view member) { return read_envelope(in_, member); }

  void add_identity(const std::string& kind, ObjectEnvelope object) {
    const auto [at, fresh] =
        out_.identities_.kinds[kind].try_emplace(std::move(object.name), object.identity);
    if (!fresh) {
      in_.wrong(at->first, "stands twice");
    }
  }

  template <class Spec>
  void take_objects(std::string_view member, domain::Kind kind,
                    std::initializer_list<const char*> parts,
                    std::vector<domain::Object<Spec>>& objects) {
    in_.array(member, kMostObjects, [&] {
      ObjectEnvelope envelope = read(member);
      if (!in_.ok() || error_) {
        return;
      }
      auto spec = domain::read_spec<Spec>(envelope.spec);
      if (!spec) {
        error_ = spec.error().with(
            fmt::format("section `{}`: {} `{}`", section_, domain::to_string(kind), envelope.name));
        return;
      }
      for (const char* part : parts) {
        envelope.identity.parts.try_emplace(part);
      }
      if (kind == domain::Kind::kKey &&
          keys_section_name(key_shard(envelope.identity.uid)) != section_) {
        in_.wrong(envelope.name, "belongs into another section");
      }
      domain::Object<Spec> object;
      object.place.file = kind == domain::Kind::kEndpoint ? out_.beside_credentials() : section_;
      object.metadata.name = envelope.name;
      object.spec = *std::move(spec);
      objects.push_back(std::move(object));
      add_identity(std::string(domain::to_string(kind)), std::move(envelope));
    });
  }

  void take_trusted(std::string_view member) {
    std::string id;
    std::optional<codec::Ed25519PublicKey> key;
    in_.object([&](std::string_view name) {
      if (name == "id") {
        id = in_.text(name, 16);
      } else if (name == "publicKey") {
        key = codec::parse_ed25519_public_key(in_.text(name, 64));
      } else {
        in_.skip();
      }
    });
    if (!key || key_id_of(*key) != id) {
      return in_.wrong(member, "holds a key that is malformed or does not fit its id");
    }
    out_.trusted_.push_back(*key);
  }

  SnapshotContent& out_;
  const std::string& section_;
  MessageReader in_;
  std::optional<Error> error_;
};

SnapshotContent::SnapshotContent(std::string credentials_folder)
    : credentials_folder_(std::move(credentials_folder)) {}

std::string SnapshotContent::beside_credentials() const {
  return credentials_folder_.empty() ? "" : credentials_folder_ + "/catalogue";
}

Result<void> SnapshotContent::update(const SnapshotManifest& manifest, const Read& read) {
  auto updated = try_update(manifest, read);
  if (!updated) {
    clear();
  }
  return updated;
}

Result<void> SnapshotContent::try_update(const SnapshotManifest& manifest, const Read& read) {
  std::map<std::string, codec::Digest> wanted;
  for (const SectionRef& ref : manifest.sections) {
    if (!is_known(ref.name)) {
      return fail(
          Code::kInvalid,
          fmt::format("section `{}` is not known to this version; update the edge", ref.name));
    }
    wanted.emplace(ref.name, ref.sha256);
  }
  for (const std::string_view name : kRequired) {
    if (!wanted.contains(std::string(name))) {
      return fail(Code::kInvalid, fmt::format("section `{}` is missing", name));
    }
  }
  for (auto at = held_.begin(); at != held_.end();) {
    const auto found = wanted.find(at->first);
    if (found != wanted.end() && found->second == at->second) {
      ++at;
      continue;
    }
    drop(at->first);
    at = held_.erase(at);
  }
  for (const SectionRef& ref : manifest.sections) {
    if (held_.contains(ref.name)) {
      continue;
    }
    TDN_TRY(const std::string json, read(ref));
    if (json.size() != ref.bytes || codec::sha256(bytes_of(json)) != ref.sha256) {
      return fail(Code::kCorrupt,
                  fmt::format("section `{}` is not what the manifest says: {} bytes "
                              "instead of {}, or another hash",
                              ref.name, json.size(), ref.bytes));
    }
    TDN_TRY_VOID(SectionReader(*this, ref.name, json).run(ref.name));
    held_.emplace(ref.name, ref.sha256);
    ++parsed_;
  }
  return settle();
}

// Lists in order, everything resolved.
Result<void> SnapshotContent::settle() {
  const auto by_name = [](const auto& a, const auto& b) {
    return a.metadata.name < b.metadata.name;
  };
  const auto sort = [&](auto& objects) {
    if (!std::ranges::is_sorted(objects, by_name)) {
      std::ranges::sort(objects, by_name);
    }
  };
  sort(manifests_.zones);
  sort(manifests_.sites);
  sort(manifests_.models);
  sort(manifests_.endpoints);
  sort(manifests_.tenants);
  sort(manifests_.projects);
  sort(manifests_.policies);
  // Most keys are where they were: only the new ones are sorted, then merged.
  const auto fresh = manifests_.keys.begin() + static_cast<std::ptrdiff_t>(sorted_keys_);
  std::sort(fresh, manifests_.keys.end(), by_name);
  if (sorted_keys_ > 0 && fresh != manifests_.keys.end()) {
    const auto first = std::make_move_iterator(manifests_.keys.begin());
    const auto middle = std::make_move_iterator(fresh);
    std::vector<domain::Object<domain::KeySpec>> merged;
    merged.reserve(manifests_.keys.size());
    std::merge(first, middle, middle, std::make_move_iterator(manifests_.keys.end()),
               std::back_inserter(merged), by_name);
    manifests_.keys = std::move(merged);
  }
  sorted_keys_ = manifests_.keys.size();
  if (trusted_.empty()) {
    return fail(Code::kInvalid, "section `trust` holds no key: nothing later could be trusted");
  }
  return domain::check_resolved(manifests_, identities_);
}

void SnapshotContent::drop(std::string_view section) {
  const auto forget = [&](std::initializer_list<const char*> kinds) {
    for (const char* kind : kinds) {
      identities_.kinds.erase(kind);
    }
  };
  if (section == "catalogue") {
    manifests_.zones.clear();
    manifests_.sites.clear();
    manifests_.models.clear();
    manifests_.endpoints.clear();
    forget({"Zone", "Site", "Account", "Model", "Endpoint"});
  } else if (section == "tenants") {
    manifests_.tenants.clear();
    manifests_.projects.clear();
    forget({"Tenant", "Project"});
  } else if (section == "policies") {
    manifests_.policies.clear();
    forget({"Policy", "PolicySet"});
  } else if (section == "trust") {
    trusted_.clear();
  } else {
    auto& identities = identities_.kinds["Key"];
    std::erase_if(manifests_.keys, [&](const domain::Object<domain::KeySpec>& key) {
      const bool goes = key.place.file == section;
      if (goes) {
        identities.erase(key.metadata.name);
      }
      return goes;
    });
    sorted_keys_ = manifests_.keys.size();
  }
}

void SnapshotContent::clear() {
  held_.clear();
  manifests_ = {};
  identities_ = {};
  trusted_.clear();
  sorted_keys_ = 0;
}

std::shared_ptr<const domain::Snapshot> SnapshotContent::compile(
    const domain::SnapshotOrigin& origin) const {
  return domain::Snapshot::compile(manifests_, identities_, origin);
}

}  // namespace tdn::protocol
