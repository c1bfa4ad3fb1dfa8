// What an edge needs to send requests to its peers and to take theirs: the pairwise keys that route
// tokens are signed with, and which edge stands at which site. Comes with every sync reply; a
// changed one replaces the former as a whole (`std::shared_ptr<const RouteKeys>`), so that shards
// read it without locks.
//
// Two keys may live per direction, for rotation: the newer signs, either is accepted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/uid.h"
#include "codec/hmac.h"
#include "codec/sha256.h"

namespace tdn::protocol {

inline constexpr std::size_t kMostKeyId = 16;
inline constexpr std::size_t kMostRouteKeys = 40'000;  // two each way, 10,000 peers

// A pairwise key: tokens of edge `from` for edge `to`.
struct RouteKeyGrant {
  std::string id;  // [a-z0-9]{1,16}
  std::uint32_t version = 0;
  Uid from;
  Uid to;
  codec::Digest key{};
};

// An edge that has joined.
struct PeerEdge {
  std::string site;
  Uid edge;
};

[[nodiscard]] bool is_key_id(std::string_view text);

class RouteKeys {
 public:
  struct Key {
    std::string id;
    std::uint32_t version = 0;
    Uid from;
    Uid to;
    codec::HmacKey mac;
  };

  // Of the edge `self`. Grants between others are passed over. Errors: kInvalid (a malformed id,
  // too many grants, two keys with one id for one direction, an edge at two sites).
  [[nodiscard]] static Result<std::shared_ptr<const RouteKeys>> create(
      const Uid& self, std::span<const RouteKeyGrant> grants, std::span<const PeerEdge> edges);

  [[nodiscard]] const Uid& self() const { return self_; }
  // The newest for tokens to `to`; null if there is none.
  [[nodiscard]] const Key* signing(const Uid& to) const;
  // For a token from `from`; null if the key is not known.
  [[nodiscard]] const Key* accepting(std::string_view id, const Uid& from) const;

  [[nodiscard]] std::optional<Uid> edge_at(std::string_view site) const;
  // Empty if the edge is not known.
  [[nodiscard]] std::string_view site_of(const Uid& edge) const;

 private:
  RouteKeys() = default;

  Uid self_;
  std::vector<Key> out_;         // by `to`, of equal ones the newest first
  std::vector<Key> in_;          // by `from`
  std::vector<PeerEdge> sites_;  // by site
  std::vector<PeerEdge> edges_;  // by edge
};

}  // namespace tdn::protocol
