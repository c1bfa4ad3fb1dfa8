// What a snapshot's sections hold and how they become the catalogue again. Each section is one JSON
// object, content-addressed; the same objects always give the same bytes, so what did not change is
// not sent again.
//
//   catalogue   zones, sites, accounts, models, endpoints
//   tenants     tenants and projects
//   policies    policies and the version of all of them together
//   trust       the keys that may sign from now on
//   keys-00…3f  keys, by the low six bits of the last byte of their uid; empty ones are left out
//
// (`limits` is kept for the kind Limit, which is not built.) An object is
// {"name","uid","version","parts":{name: version},"spec"}: versions of 1 and what is at its default
// are left out; labels, annotations and place do not travel. A section that this version does not
// know makes the snapshot refused: it might narrow what is allowed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/identity.h"
#include "domain/manifest.h"
#include "domain/snapshot.h"
#include "protocol/snapshot_manifest.h"

namespace tdn::protocol {

inline constexpr unsigned kKeyShards = 64;
inline constexpr std::size_t kMostTrusted = 8;

struct Section {
  SectionRef ref;
  std::string json;
};

// --- control's side ---

// Everything, by name. `manifests` checked and sorted, `identities` brought up to them (any uids
// and versions: control's own). `trusted`: at least the key that signs.
[[nodiscard]] std::vector<Section> write_sections(const domain::Manifests& manifests,
                                                  const domain::Identities& identities,
                                                  std::span<const codec::Ed25519PublicKey> trusted);

// One by one, for who knows what changed.
[[nodiscard]] Section write_catalogue(const domain::Manifests& manifests,
                                      const domain::Identities& identities);
[[nodiscard]] Section write_tenants(const domain::Manifests& manifests,
                                    const domain::Identities& identities);
[[nodiscard]] Section write_policies(const domain::Manifests& manifests,
                                     const domain::Identities& identities);
[[nodiscard]] Section write_trust(std::span<const codec::Ed25519PublicKey> trusted);
[[nodiscard]] unsigned key_shard(const Uid& key);
[[nodiscard]] std::string keys_section_name(unsigned shard);
[[nodiscard]] Section write_keys(const domain::Manifests& manifests,
                                 const domain::Identities& identities, unsigned shard);

// As a manifest lists them.
[[nodiscard]] std::vector<SectionRef> refs_of(std::span<const Section> sections);

// --- the edge's side ---

// The content of the snapshot that was taken in last. Not thread-safe; the work of `update` belongs
// on a worker thread.
class SnapshotContent {
 public:
  // Credential files of endpoints are relative to this folder.
  explicit SnapshotContent(std::string credentials_folder = {});

  // Gives the bytes of a section; must be as long and hash as the reference says, or `update`
  // fails with kCorrupt.
  using Read = std::function<Result<std::string>(const SectionRef&)>;

  // Becomes the content of `manifest`: reads and parses the sections that differ from those held,
  // drops those that are gone, checks the whole. After an error nothing is held, and the next
  // update reads everything. Errors name the section: kInvalid, kCorrupt, or what `read` gave.
  [[nodiscard]] Result<void> update(const SnapshotManifest& manifest, const Read& read);

  [[nodiscard]] const domain::Manifests& manifests() const { return manifests_; }
  [[nodiscard]] const domain::Identities& identities() const { return identities_; }
  [[nodiscard]] const std::vector<codec::Ed25519PublicKey>& trusted() const { return trusted_; }
  [[nodiscard]] std::shared_ptr<const domain::Snapshot> compile(
      const domain::SnapshotOrigin& origin = {}) const;
  // Sections that were parsed since it was made, for tests and metrics.
  [[nodiscard]] std::uint64_t sections_parsed() const { return parsed_; }

 private:
  class SectionReader;

  Result<void> try_update(const SnapshotManifest& manifest, const Read& read);
  Result<void> settle();
  void drop(std::string_view section);
  void clear();
  [[nodiscard]] std::string beside_credentials() const;

  std::string credentials_folder_;
  std::map<std::string, codec::Digest> held_;
  domain::Manifests manifests_;
  domain::Identities identities_;
  std::vector<codec::Ed25519PublicKey> trusted_;
  std::size_t sorted_keys_ = 0;  // the first of manifests_.keys, by name
  std::uint64_t parsed_ = 0;
};

}  // namespace tdn::protocol
