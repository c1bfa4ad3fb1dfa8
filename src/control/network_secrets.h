// The secrets that pairwise keys for route tokens are derived from (FORMATS §7). Two live while one
// replaces the other: the newer signs, both are accepted. Kept in the state folder as
// `network-secret`, mode 0600, one line "<version> <64 hex digits>" each, the newest last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "codec/sha256.h"
#include "protocol/route_keys.h"

namespace tdn::control {

struct NetworkSecret {
  std::uint32_t version = 1;
  codec::Digest secret{};
};

inline constexpr std::size_t kLiveNetworkSecrets = 2;

// kCorrupt names the file and line.
[[nodiscard]] Result<std::vector<NetworkSecret>> parse_network_secrets(std::string_view text,
                                                                       std::string_view file);
[[nodiscard]] std::string to_text(const std::vector<NetworkSecret>& secrets);
// With a fresh one at the end; the oldest goes if there are too many.
[[nodiscard]] std::vector<NetworkSecret> rotated(std::vector<NetworkSecret> secrets,
                                                 Random& random);

// HMAC-SHA256(secret, from ‖ to ‖ version as u32 little-endian), one grant per secret and direction
// between `self` and each of the peers.
[[nodiscard]] std::vector<protocol::RouteKeyGrant> grants_of(
    const std::vector<NetworkSecret>& secrets, const Uid& self,
    const std::vector<protocol::PeerEdge>& peers);

}  // namespace tdn::control
