// What an edge tells a peer of its own endpoints, at `GET /tdn/v1/endpoints` of the peer listener:
//
//   {"endpoints":[{"uid":"…","health":"up","running":2,"waiting":0,"slots":8,
//                  "promptUs":9000,"prefillNsPerToken":40000,"decodeUsPerToken":12000}]}
//
// and "trouble":"credential" or "certificate" where that keeps it from being used. What is not
// known is left out; health is "unknown", "up", "down" or "ejected" (route/health.h). So an edge
// knows of the endpoints of other sites, and that the way there is open, also while control is
// away.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/catalogue.h"
#include "route/endpoint_state.h"

namespace tdn::gateway {

inline constexpr std::string_view kPeerStatePath = "/tdn/v1/endpoints";
inline constexpr std::size_t kMostPeerStateBytes = std::size_t{1} << 20U;

struct PeerEndpointState {
  Uid uid;
  route::EndpointReport report;
  route::Trouble trouble = route::Trouble::kNone;
};

// Of this site's endpoints.
[[nodiscard]] std::string peer_state_json(const Catalogue& catalogue, Instant now);
// kInvalid: it is something else. Members that are not known are passed over.
[[nodiscard]] Result<std::vector<PeerEndpointState>> parse_peer_state(std::string_view json);

}  // namespace tdn::gateway
