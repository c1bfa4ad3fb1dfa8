// The last good snapshot on disk, and whom this edge trusts. Below the state folder:
//
//   snapshot/current.json   {"networkId","pinned","keys","signer","envelope"}
//   snapshot/<sha256>       a section's bytes
//   snapshot/contact.json   {"machineBoot","boottime","age"}
//
// `pinned` is the `--control-key` of the first start, `keys` whom the last snapshot's trust section
// names, `signer` who signed it. Everything is written beside, synced and renamed, sections before
// the manifest that names them: a crash leaves the former snapshot or this one. All calls block and
// take turns by their caller; they belong on a worker thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/disk.h"
#include "protocol/snapshot_manifest.h"

namespace tdn::agent {

struct Trust {
  codec::Ed25519PublicKey pinned{};
  std::vector<codec::Ed25519PublicKey> keys;  // may sign the next snapshot
  std::optional<Uid> network;                 // once a snapshot was taken
};

struct StoredSnapshot {
  std::string envelope;
  protocol::SnapshotManifest manifest;
};

// How long ago control was heard when it was written down.
struct Contact {
  std::string machine_boot;  // names the machine's run, within which boottime counts
  Instant at{};              // boottime of the writing
  Duration age{};
};

class SnapshotStore {
 public:
  // `disk` is borrowed.
  SnapshotStore(io::Disk& disk, std::string state_dir);

  // Pins `control_key` at the first start; later it must be the same, or one that control handed
  // over to. kInvalid names the file and the remedy.
  [[nodiscard]] Result<void> open(const codec::Ed25519PublicKey& control_key);
  [[nodiscard]] const Trust& trust() const { return trust_; }

  // The last one committed, its signature verified again; nothing if there was none yet.
  [[nodiscard]] Result<std::optional<StoredSnapshot>> current();

  [[nodiscard]] bool has(const protocol::SectionRef& ref);
  [[nodiscard]] Result<void> put(const protocol::SectionRef& ref, std::string_view bytes);
  // Not compared with its hash: whoever uses it does.
  [[nodiscard]] Result<std::string> read(const protocol::SectionRef& ref);

  // Makes it the current one; from then on `trusted` may sign. Sections that it does not name are
  // removed afterwards.
  [[nodiscard]] Result<void> commit(const StoredSnapshot& snapshot,
                                    std::span<const codec::Ed25519PublicKey> trusted);

  [[nodiscard]] Result<void> write_contact(const Contact& contact);
  // Nothing if it was never written or cannot be understood.
  [[nodiscard]] std::optional<Contact> read_contact();

 private:
  [[nodiscard]] std::string path(std::string_view name) const;
  [[nodiscard]] Result<void> write_current();
  [[nodiscard]] Result<void> parse_current(std::string_view json);
  void remove_unnamed(const protocol::SnapshotManifest& manifest);

  io::Disk& disk_;
  const std::string dir_;
  Trust trust_;
  std::optional<codec::Ed25519PublicKey> signer_;
  std::string envelope_;
};

// The age of the last contact, never too young: within one run of the machine boottime says it;
// after a restart of the machine it goes on from what was written down, and `slack`, the longest
// that may pass between two writings, is added. Time without power does not count.
[[nodiscard]] Duration contact_age(const std::optional<Contact>& contact,
                                   std::string_view machine_boot, Instant now, Duration slack);

}  // namespace tdn::agent
