// The signed head of a snapshot (FORMATS §6): who it is for, where it stands in order, and the
// hashes of its sections, which are fetched apart. Sent and stored as an envelope:
//
//   {"manifest":"<base64 of the manifest's bytes>","signature":"<base64 of 64 bytes>"}
//
// The signature is Ed25519 over "tdn-snapshot-v1\0" and those very bytes, and is verified before
// anything in them is looked at. Byte examples: docs/reference/formats/snapshot.md.
//
// Bounds: kMostManifestBytes, kMostSections, kMostSectionBytes each, kMostSnapshotBytes together.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"
#include "codec/ed25519.h"
#include "codec/sha256.h"

namespace tdn::protocol {

inline constexpr std::size_t kMostManifestBytes = std::size_t{256} << 10U;
inline constexpr std::size_t kMostEnvelopeBytes = std::size_t{400} << 10U;
inline constexpr std::size_t kMostSections = 256;
inline constexpr std::uint64_t kMostSectionBytes = std::uint64_t{16} << 20U;
inline constexpr std::uint64_t kMostSnapshotBytes = std::uint64_t{256} << 20U;
inline constexpr std::uint64_t kDefaultValidForS = 86'400;
inline constexpr std::uint64_t kMostValidForS = 366ULL * 86'400;
// The audience of what every edge of a network may use.
inline constexpr std::string_view kEveryEdge = "edges";

// Where a snapshot stands: later is greater, whatever the clocks say. {0, 0} is before all.
struct SnapshotOrder {
  std::uint64_t control_epoch = 0;
  std::uint64_t version = 0;
  auto operator<=>(const SnapshotOrder&) const = default;
};

// "1.7".
[[nodiscard]] std::string to_string(const SnapshotOrder& order);

struct SectionRef {
  std::string name;  // [a-z0-9-]{1,40}
  codec::Digest sha256{};
  std::uint64_t bytes = 0;
  bool operator==(const SectionRef&) const = default;
};

struct SnapshotManifest {
  static constexpr std::uint64_t kFormat = 1;

  Uid network;
  std::string audience{kEveryEdge};
  std::string key_id;  // of the key that signs
  SnapshotOrder order;
  WallTime created_at;                            // data
  std::uint64_t valid_for_s = kDefaultValidForS;  // without contact to control
  std::vector<SectionRef> sections;               // by name, each once
};

// A public key's short name: the first 8 bytes of its SHA-256, in hex.
[[nodiscard]] std::string key_id_of(const codec::Ed25519PublicKey& key);

// The bytes that are signed and sent.
[[nodiscard]] std::string to_json(const SnapshotManifest& manifest);
// Code::kInvalid names the member at fault, or the format that this version does not know.
[[nodiscard]] Result<SnapshotManifest> parse_snapshot_manifest(std::string_view json);

// The manifest with `key_id` set, signed, in its envelope.
[[nodiscard]] std::string sign_snapshot(SnapshotManifest manifest, const codec::Ed25519Key& key);

// Takes the envelope apart, finds the one of `trusted` (a few) whose signature it is, and only then
// parses the manifest. Code::kInvalid: too large, malformed, signed by nobody trusted, or by
// another key than it names; the detail says which.
[[nodiscard]] Result<SnapshotManifest> open_snapshot_envelope(
    std::string_view envelope, std::span<const codec::Ed25519PublicKey> trusted);

}  // namespace tdn::protocol
