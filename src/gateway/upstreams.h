// The connection pools of one shard, one per engine address. An endpoint that leaves the catalogue
// or changes its address loses its pool once nothing uses it.
//
// Belongs to its loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "domain/snapshot.h"
#include "http/upstream.h"

namespace tdn::gateway {

class Upstreams {
 public:
  // All borrowed.
  Upstreams(io::Loop& loop, io::Network& network, const http::ClientLimits& limits)
      : loop_(loop), network_(network), limits_(limits) {}

  // The endpoint's pool; its name is resolved at first use. Valid until the exchange that is opened
  // on it ends. Errors: kUnavailable (the name does not resolve), kTimeout, kCancelled.
  [[nodiscard]] io::MaybeTask<Result<http::Upstream*>> find(const domain::Endpoint& endpoint);

  // Drops the pools of endpoints that are not in `snapshot`, and idle connections that are too old.
  // Called after a reload and now and then.
  void tidy(const domain::Snapshot& snapshot);
  void close_idle();

 private:
  struct Entry {
    std::string host;
    std::uint16_t port;
    std::unique_ptr<http::Upstream> upstream;
  };
  [[nodiscard]] io::Task<Result<http::Upstream*>> resolve(Uid uid, std::string host,
                                                          std::uint16_t port);

  io::Loop& loop_;
  io::Network& network_;
  const http::ClientLimits& limits_;
  std::map<Uid, Entry> entries_;
  std::vector<std::unique_ptr<http::Upstream>> retired_;
};

}  // namespace tdn::gateway
