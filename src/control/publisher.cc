#include "control/publisher.h"

#include <vector>

#include "codec/hex.h"

namespace tdn::control {

void Publisher::put(protocol::Section section) {
  std::string name = section.ref.name;
  sections_.insert_or_assign(std::move(name),
                             std::make_shared<const protocol::Section>(std::move(section)));
}

void Publisher::put_keys(const domain::Manifests& manifests, const domain::Identities& identities,
                         const std::set<unsigned>& shards) {
  for (const unsigned shard : shards) {
    const protocol::Section none = protocol::write_keys({}, {}, shard);
    protocol::Section section = protocol::write_keys(manifests, identities, shard);
    if (section.ref.sha256 == none.ref.sha256) {
      sections_.erase(section.ref.name);
    } else {
      put(std::move(section));
    }
  }
}

void Publisher::put_all(const Catalogue& catalogue) {
  const std::vector<codec::Ed25519PublicKey> keys{key_.public_key()};
  sections_.clear();
  for (protocol::Section& section :
       protocol::write_sections(catalogue.manifests(), catalogue.identities(), keys)) {
    put(std::move(section));
  }
}

std::vector<protocol::SectionRef> Publisher::refs() const {
  std::vector<protocol::SectionRef> refs;
  for (const auto& [name, section] : sections_) {
    refs.push_back(section->ref);
  }
  return refs;
}

Snapshot Publisher::assemble(const Catalogue& catalogue, protocol::SnapshotOrder order,
                             std::string envelope) const {
  auto published = std::make_shared<Published>();
  published->order = order;
  published->envelope = std::move(envelope);
  for (const auto& [name, section] : sections_) {
    published->sections.emplace(codec::to_hex(section->ref.sha256),
                                std::shared_ptr<const std::string>(section, &section->json));
    published->bytes += section->json.size();
  }
  for (const auto& site : catalogue.manifests().sites) {
    published->sites.insert(site.metadata.name);
  }
  return published;
}

Snapshot Publisher::restore(const Catalogue& catalogue, const store::StateRow& state) {
  put_all(catalogue);
  const std::vector<codec::Ed25519PublicKey> keys{key_.public_key()};
  const auto manifest = protocol::open_snapshot_envelope(state.snapshot_envelope, keys);
  const protocol::SnapshotOrder order{state.control_epoch, state.version};
  if (!manifest || manifest->order != order || manifest->network != state.network ||
      manifest->valid_for_s != valid_for_s_ || manifest->sections != refs()) {
    return nullptr;
  }
  return assemble(catalogue, order, state.snapshot_envelope);
}

Snapshot Publisher::publish(const Catalogue& catalogue, const Dirty& dirty, WallTime now,
                            store::StateRow& state) {
  const domain::Manifests& manifests = catalogue.manifests();
  const domain::Identities& identities = catalogue.identities();
  constexpr std::size_t kFewShards = 4;  // beyond that one pass over all keys is cheaper
  if (dirty.key_shards.size() > kFewShards) {
    put_all(catalogue);
    return sign(catalogue, now, state);
  }
  if (dirty.catalogue) {
    put(protocol::write_catalogue(manifests, identities));
  }
  if (dirty.tenants) {
    put(protocol::write_tenants(manifests, identities));
  }
  if (dirty.policies) {
    put(protocol::write_policies(manifests, identities));
  }
  put_keys(manifests, identities, dirty.key_shards);
  return sign(catalogue, now, state);
}

Snapshot Publisher::sign(const Catalogue& catalogue, WallTime now, store::StateRow& state) const {
  protocol::SnapshotManifest manifest;
  manifest.network = state.network;
  manifest.order = {state.control_epoch, state.version};
  manifest.created_at = now;
  manifest.valid_for_s = valid_for_s_;
  manifest.sections = refs();
  state.snapshot_envelope = protocol::sign_snapshot(std::move(manifest), key_);
  return assemble(catalogue, {state.control_epoch, state.version}, state.snapshot_envelope);
}

}  // namespace tdn::control
