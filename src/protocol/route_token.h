// The route token (FORMATS §7): with it one edge asks another to serve a request that it has
// admitted. A field of the request's head:
//
//   tdn-route-token: v1.<key id>.<base64url CBOR>.<base64url MAC>
//
// The MAC is HMAC-SHA256, with the pair's key, over "tdn-route-v1\0", the key id and the CBOR. One
// token has one text: anything that is not the canonical form is refused. Byte example:
// docs/reference/formats/route-token.md.
//
// A token is good once, until its expiry, at the edge it names: `open_route_token` checks all but
// the once, which is `SeenTokens`.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/fixed_vector.h"
#include "base/result.h"
#include "base/uid.h"
#include "protocol/route_keys.h"

namespace tdn::protocol {

inline constexpr std::string_view kRouteTokenField = "tdn-route-token";
inline constexpr std::size_t kMostTokenText = 1024;
inline constexpr std::size_t kMostOwners = 8;
inline constexpr std::size_t kMostPath = 64;
inline constexpr std::uint64_t kMostHops = 2;
// From issue to expiry, and from now to expiry.
inline constexpr std::uint64_t kMostLifetimeMs = 30'000;
// What a sender gives its tokens: to connect and be read, not to be answered.
inline constexpr std::uint64_t kLifetimeMs = 10'000;

// Who pays, outermost first: kinds as in the usage record.
struct OwnerLink {
  std::uint64_t kind = 0;  // 0 partner, 1 tenant, 2 project, 3 key, 4 child key
  Uid uid;
  bool operator==(const OwnerLink&) const = default;
};
inline constexpr std::uint64_t kKeyLink = 3;

struct RouteToken {
  RequestId request;
  std::uint64_t leg = 0;
  Uid from;
  Uid to;
  FixedVector<OwnerLink, kMostOwners> owners;
  Uid model;
  std::string path;  // at most kMostPath
  std::uint64_t body_length = 0;
  std::uint64_t token_cap = 0;  // most output tokens that were asked for; 0: none said
  std::uint64_t policy_version = 0;
  std::uint64_t hop = 1;  // 1 when the ingress sends it
  std::uint64_t issued_ms = 0;
  std::uint64_t expiry_ms = 0;  // both in network time

  bool operator==(const RouteToken&) const = default;
  // Of the key in the chain; zero if it has none.
  [[nodiscard]] Uid key() const;
};

// Writes the token's text into `room` and returns it. `token.path` must not be longer than
// kMostPath.
using TokenRoom = std::array<char, kMostTokenText>;
[[nodiscard]] std::string_view write_route_token(const RouteToken& token, const RouteKeys::Key& key,
                                                 TokenRoom& room);

// The receiver's moment, in network time.
struct TokenTime {
  std::uint64_t now_ms = 0;
  std::uint64_t boot_ms = 0;  // when this process started: what it saw before, it has forgotten
};

// Checks form, key, MAC, addressee, hops and times. Code::kInvalid says which of them is at fault;
// nothing of the text itself is repeated.
[[nodiscard]] Result<RouteToken> open_route_token(std::string_view text, const RouteKeys& keys,
                                                  const TokenTime& time);

// For the check of the form alone: fuzzers and tests.
struct TokenParts {
  std::string_view key_id;
  std::array<std::uint8_t, kMostTokenText> room{};
  std::size_t cbor_bytes = 0;
  codec::Digest mac{};
  RouteToken token;
  [[nodiscard]] ByteView cbor() const { return {room.data(), cbor_bytes}; }
};
[[nodiscard]] Result<void> parse_route_token(std::string_view text, TokenParts& parts);

}  // namespace tdn::protocol
