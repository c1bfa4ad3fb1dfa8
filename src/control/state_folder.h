// The files of control's state folder, beside the store. All are their owner's alone.
//
//   control.db       the store (store/sqlite_store.h)
//   signing-key      the Ed25519 key that snapshots are signed with: base64 of its 32 bytes
//   operator-token   what operators show: 43 characters of base62
//   network-secret   network_secrets.h
//   user-secret      what edges hash users with: 64 hex digits; changed, users seem to be others
//   nodes.json       nodes.h; written by whoever sets edges up
//   published        "<control epoch> <version>" of the last snapshot. It is not part of a backup,
//   so
//                    a store that is older than it was restored from one
//
// The first five are made at the first start.
#pragma once

#include <optional>
#include <string>

#include "codec/ed25519.h"
#include "control/network_secrets.h"
#include "control/nodes.h"
#include "io/disk.h"
#include "protocol/snapshot_manifest.h"

namespace tdn::control {

class StateFolder {
 public:
  // Makes the folder. `disk` and `random` are borrowed.
  [[nodiscard]] static Result<StateFolder> open(std::string path, io::Disk& disk, Random& random);

  [[nodiscard]] std::string file(std::string_view name) const;
  [[nodiscard]] Result<codec::Ed25519Key> signing_key() const;
  [[nodiscard]] Result<Secret> operator_token() const;
  [[nodiscard]] Result<std::vector<NetworkSecret>> network_secrets() const;
  // Makes a new one, and keeps it before it is used.
  [[nodiscard]] Result<std::vector<NetworkSecret>> rotate_network_secret() const;
  [[nodiscard]] Result<codec::Digest> user_secret() const;
  // Of another file if `path` is not empty. None if there is no file.
  [[nodiscard]] Result<Nodes> nodes(const std::string& path) const;

  [[nodiscard]] Result<std::optional<protocol::SnapshotOrder>> published() const;
  [[nodiscard]] Result<void> remember_published(const protocol::SnapshotOrder& order) const;

 private:
  StateFolder(std::string path, io::Disk& disk, Random& random)
      : path_(std::move(path)), disk_(&disk), random_(&random) {}
  // The file's text; makes it with `make` if there is none.
  template <class Make>
  [[nodiscard]] Result<std::string> read_or_make(std::string_view name, Make make) const;
  [[nodiscard]] Result<std::optional<std::string>> read(const std::string& path) const;
  [[nodiscard]] Result<void> write(std::string_view name, std::string_view text) const;

  std::string path_;
  io::Disk* disk_;
  Random* random_;
};

}  // namespace tdn::control
