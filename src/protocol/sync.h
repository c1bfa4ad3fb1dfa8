// `POST /edge/v1/sync`: usage up, knowledge down, one round trip (docs/internals/network.md,
// FORMATS §8). Both messages are JSON of at most kMostSyncBytes; integers that can pass 2⁵³ are
// decimal strings. Unknown members are passed over, so that a protocol may grow; what is missing or
// of another shape is an error that names the member.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/uid.h"
#include "codec/sha256.h"
#include "protocol/route_keys.h"
#include "protocol/snapshot_manifest.h"

namespace tdn::protocol {

// The header `tdn-protocol` of a request, and the range that this version speaks.
inline constexpr std::uint32_t kProtocol = 1;
inline constexpr std::size_t kMostSyncBytes = std::size_t{4} << 20U;
// Of settlement payloads in one upload: base64 and the rest of the message fit beside them.
inline constexpr std::size_t kMostUploadBytes = std::size_t{2} << 20U;
inline constexpr std::size_t kMostEndpoints = 10'000;
inline constexpr std::size_t kMostPeers = 10'000;

struct ProtocolRange {
  std::uint32_t lowest = kProtocol;
  std::uint32_t highest = kProtocol;
  [[nodiscard]] bool contains(std::uint32_t protocol) const {
    return lowest <= protocol && protocol <= highest;
  }
};

enum class EndpointHealth : std::uint8_t { kUnknown, kUp, kDown, kEjected };
[[nodiscard]] std::string_view to_string(EndpointHealth health);
[[nodiscard]] std::optional<EndpointHealth> parse_endpoint_health(std::string_view text);

// How one of the edge's own endpoints does.
struct EndpointReport {
  Uid uid;
  EndpointHealth health = EndpointHealth::kUnknown;
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  std::uint32_t slots = 0;  // requests that it works on together; 0: not known, and left out
  std::uint32_t tokens_per_second = 0;
  std::uint32_t ttft_ms = 0;
  bool operator==(const EndpointReport&) const = default;
};

// The journal that is being written.
struct JournalHead {
  std::uint32_t epoch = 1;
  Uid log;
  std::uint64_t last_seq = 0;  // durable
};

// Records `from`, `from` + 1, … of an epoch, packed (below). Empty: asks for that epoch's `acked`.
struct Upload {
  std::uint32_t epoch = 1;
  std::uint64_t from = 1;
  std::vector<std::uint8_t> records;
};

struct SyncRequest {
  std::string site;
  Uid edge;
  Uid boot;  // new with every start of the process
  std::uint64_t n = 0;
  ProtocolRange protocols;
  std::string version;
  JournalHead journal;
  std::optional<Upload> upload;
  std::optional<WallTime> complete_through;
  SnapshotOrder snapshot;  // in force on every shard; {0, 0}: none
  std::vector<EndpointReport> endpoints;
  std::string refused_snapshot;  // empty: none was
  // As the edge has it, so that time goes on as before when control starts anew; none: not known.
  std::optional<std::uint64_t> network_time_ms;
};

struct SyncReply {
  Uid boot;
  std::uint64_t n = 0;
  std::uint64_t network_time_ms = 0;  // at first since 1970, UTC, by control's clock
  std::uint32_t epoch = 1;            // that the edge should write
  // Of the epoch of the upload (of the journal's without one).
  std::uint64_t acked = 0;
  std::uint64_t keep_from = 1;
  SnapshotOrder snapshot;  // the newest
  std::vector<RouteKeyGrant> keys;
  std::vector<PeerEdge> sites;
  // The network's secret for hashing users: the same at all edges, never changed.
  std::optional<codec::Digest> user_secret;
};

// Why a sync was not taken. The first four are HTTP 409.
enum class SyncFault : std::uint8_t {
  kGap,                // `expected` is the next seq
  kClone,              // one seq with two contents, or one epoch with two logs
  kRollback,           // an old journal came back; write `epoch` from now on
  kQuarantined,        // an operator must look
  kStale,              // a lower n than one seen of this boot, or an earlier boot
  kProtocolMismatch,   // 400
  kInvalidNodeSecret,  // 401
};
[[nodiscard]] std::string_view to_string(SyncFault fault);
[[nodiscard]] std::optional<SyncFault> parse_sync_fault(std::string_view name);

struct SyncRefusal {
  SyncFault fault = SyncFault::kGap;
  std::string message;
  std::uint64_t expected = 0;
  std::uint32_t epoch = 0;
};

[[nodiscard]] std::string to_json(const SyncRequest& request);
[[nodiscard]] Result<SyncRequest> parse_sync_request(std::string_view json);
[[nodiscard]] std::string to_json(const SyncReply& reply);
[[nodiscard]] Result<SyncReply> parse_sync_reply(std::string_view json);
// {"error":{"message","type","code","param"},"expected":"101"}
[[nodiscard]] int status_of(SyncFault fault);
[[nodiscard]] std::string to_json(const SyncRefusal& refusal);
// Nothing if the body is not a refusal of a known name.
[[nodiscard]] std::optional<SyncRefusal> parse_sync_refusal(std::string_view json);

}  // namespace tdn::protocol
