// What control keeps, as plain values: one struct per table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "base/uid.h"
#include "codec/sha256.h"
#include "domain/identity.h"

namespace tdn::store {

// What there is one of.
struct StateRow {
  Uid network{};
  std::uint64_t control_epoch = 1;
  std::uint64_t version = 0;        // of the snapshot; counts the changes of the catalogue
  std::string snapshot_envelope{};  // that of this version; its sections are compiled anew at start

  bool operator==(const StateRow&) const = default;
};

// An object of the catalogue, or what has an identity only: accounts, the set of policies.
struct ObjectRow {
  std::string kind{};
  std::string name{};
  domain::Identity identity{};
  std::string document{};  // {"metadata":…,"spec":…}; empty for identity only
};

// An edge, known by the uid that it gave itself.
struct EdgeRow {
  static constexpr std::size_t kMostFormerBoots = 64;

  Uid edge{};
  std::string site{};        // its name
  std::uint64_t joined = 0;  // counts edges; given by the store
  std::uint32_t epoch = 1;   // that it should write
  Uid boot{};                // of the last sync that was taken, and that sync's number
  std::uint64_t n = 0;
  std::vector<Uid> former_boots{};  // the newest last
  // A sync that seemed to be of an earlier start; its next one shows that it is not.
  Uid suspect_boot{};
  std::uint64_t suspect_n = 0;
  std::string quarantine{};  // why; empty: none
  std::optional<WallTime> complete_through{};
  WallTime last_sync{};

  bool operator==(const EdgeRow&) const = default;
};

// One epoch of an edge's books, as far as it was uploaded.
struct LogRow {
  Uid edge{};
  std::uint32_t epoch = 1;
  Uid log{};  // zero while it is not known: uploads of former epochs do not say
  std::uint64_t acked = 0;
  codec::Digest last_hash{};  // of record `acked`
  bool rolled_back = false;   // an older state of the books came back

  bool operator==(const LogRow&) const = default;
};

// One usage record, as it was uploaded. The views are of the caller, or of the store until its next
// call.
struct RecordRow {
  std::uint64_t seq = 0;
  bool recycled = false;  // says something that this version does not understand: not rated
  ByteView record{};
  ByteView tenant_annex{};
  ByteView operator_annex{};
};

}  // namespace tdn::store
