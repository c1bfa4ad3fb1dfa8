// The other edges of the network as one shard sees them: pools of connections by site, the route
// tokens that requests to them carry, and the check of those that come from them.
//
// Belongs to its loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/snapshot.h"
#include "http/upstream.h"
#include "io/peer_link.h"
#include "protocol/network_time.h"
#include "protocol/route_token.h"
#include "protocol/seen_tokens.h"

namespace tdn::gateway {

// What an edge in a network has and an edge alone has not. Borrowed; `link` is the shard's, the
// rest the process'.
struct Membership {
  io::PeerLink& link;
  const protocol::NetworkTime& time;
  protocol::SeenTokens& seen;
  Instant boot{};  // when the process started: tokens of before may have been used then
};

class Peers {
 public:
  // All borrowed.
  Peers(io::Loop& loop, const Membership& membership, const http::ClientLimits& limits)
      : loop_(loop), membership_(membership), limits_(limits) {}

  // From now on. Null: none are known any more.
  void publish(std::shared_ptr<const protocol::RouteKeys> keys) { keys_ = std::move(keys); }

  // The pool of connections to a site's edge; null if there is no way to it, no edge is known to be
  // there, or no key is shared with it. Valid until the exchange that is opened on it ends.
  [[nodiscard]] http::Upstream* find(const std::string& site);

  // Fills in edges and times, signs; the text stands in `room`. Errors: kUnavailable, the key went
  // since `find`.
  [[nodiscard]] Result<std::string_view> sign(protocol::RouteToken& token, std::string_view site,
                                              protocol::TokenRoom& room) const;

  // A token from a peer's request: all checks but those of its use. kInvalid, with the reason.
  [[nodiscard]] Result<protocol::RouteToken> open(std::string_view text) const;
  // Notes it as used: kInvalid (again), kOverloaded.
  [[nodiscard]] Result<void> use(const protocol::RouteToken& token);
  // The site where the edge stands; empty if it is not known.
  [[nodiscard]] std::string_view site_of(const Uid& edge) const {
    return keys_ ? keys_->site_of(edge) : std::string_view();
  }

  // Drops the pools of sites that are not in `snapshot`, and idle connections that are too old.
  void tidy(const domain::Snapshot& snapshot);
  void close_idle();

 private:
  [[nodiscard]] std::uint64_t now_ms() const;

  io::Loop& loop_;
  const Membership membership_;
  const http::ClientLimits& limits_;
  std::shared_ptr<const protocol::RouteKeys> keys_;
  std::map<std::string, std::unique_ptr<http::Upstream>, std::less<>> pools_;
  std::vector<std::unique_ptr<http::Upstream>> retired_;
};

}  // namespace tdn::gateway
