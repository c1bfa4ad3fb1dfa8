// The snapshot that edges serve by: sections compiled from the catalogue, as far as they changed,
// and the signed manifest over them. Sections are not stored: they follow from the catalogue, so
// what is stored is always servable; only the envelope is, for it has a time and a signature.
//
// Belongs to the store's thread; what it publishes is immutable and goes to any.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "codec/ed25519.h"
#include "control/catalogue.h"
#include "protocol/snapshot_manifest.h"
#include "protocol/snapshot_sections.h"

namespace tdn::control {

// Immutable.
struct Published {
  protocol::SnapshotOrder order;
  std::string envelope;
  // Lower-case hex of its SHA-256 → the section's bytes.
  std::unordered_map<std::string, std::shared_ptr<const std::string>> sections;
  std::uint64_t bytes = 0;      // of all sections
  std::set<std::string> sites;  // an edge of another one cannot take it
};
using Snapshot = std::shared_ptr<const Published>;

class Publisher {
 public:
  // `valid_for_s`: how long edges serve by it without hearing of control.
  explicit Publisher(const codec::Ed25519Key& key,
                     std::uint64_t valid_for_s = protocol::kDefaultValidForS)
      : key_(key), valid_for_s_(valid_for_s) {}

  // Everything, at start. The stored envelope is kept if it fits the sections and the
  // validity; otherwise nothing (a new version of tdn writes sections otherwise, or nothing was
  // ever published).
  [[nodiscard]] Snapshot restore(const Catalogue& catalogue, const store::StateRow& state);

  // What changed. The state gets the new envelope; writing it is the caller's.
  [[nodiscard]] Snapshot publish(const Catalogue& catalogue, const Dirty& dirty, WallTime now,
                                 store::StateRow& state);

 private:
  using Shared = std::shared_ptr<const protocol::Section>;
  void put(protocol::Section section);
  void put_keys(const domain::Manifests& manifests, const domain::Identities& identities,
                const std::set<unsigned>& shards);
  void put_all(const Catalogue& catalogue);
  [[nodiscard]] Snapshot sign(const Catalogue& catalogue, WallTime now,
                              store::StateRow& state) const;
  [[nodiscard]] Snapshot assemble(const Catalogue& catalogue, protocol::SnapshotOrder order,
                                  std::string envelope) const;
  [[nodiscard]] std::vector<protocol::SectionRef> refs() const;

  codec::Ed25519Key key_;
  std::uint64_t valid_for_s_;
  std::map<std::string, Shared> sections_;  // by name
};

}  // namespace tdn::control
