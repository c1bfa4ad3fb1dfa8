// `GET /edge/v1/watch`: what control tells an edge by itself, as server-sent events:
//
//   event: snapshot     data: the envelope (snapshot_manifest.h); at once and with every change
//   event: peers        data: {"endpoints":[{"uid","health","running","waiting","ageMs"}]}
//   event: sync         data: {}; sync now
//   : alive             a comment each kAliveSeconds
//
// Events of other types are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/uid.h"
#include "protocol/sync.h"

namespace tdn::protocol {

inline constexpr int kAliveSeconds = 5;

struct SnapshotOffered {
  std::string envelope;
};

struct PeerEndpoint {
  Uid uid;
  EndpointHealth health = EndpointHealth::kUnknown;
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  std::uint32_t slots = 0;   // 0: not known, and left out
  std::uint32_t age_ms = 0;  // since its own edge measured it
  bool operator==(const PeerEndpoint&) const = default;
};

struct PeersReported {
  std::vector<PeerEndpoint> endpoints;
};

struct SyncAsked {};

struct UnknownEvent {};

using WatchEvent = std::variant<UnknownEvent, SnapshotOffered, PeersReported, SyncAsked>;

// A whole event as it is sent, its empty line included.
[[nodiscard]] std::string to_sse(const SnapshotOffered& event);
[[nodiscard]] std::string to_sse(const PeersReported& event);
[[nodiscard]] std::string to_sse(const SyncAsked& event);
[[nodiscard]] std::string_view alive_comment();

// `type` and `data` as codec/sse.h gives them. Code::kInvalid for malformed data of a known type.
[[nodiscard]] Result<WatchEvent> parse_watch_event(std::string_view type, std::string_view data);

}  // namespace tdn::protocol
