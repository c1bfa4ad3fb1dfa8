// The connection pools of one shard, one per endpoint: host, port, and whether over TLS. An
// endpoint that leaves the catalogue or changes one of these loses its pool once nothing uses it. A
// name is resolved again after a minute of use: hosted engines move.
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

  // Whose certificates are accepted; before the first https endpoint is asked for. A different one
  // than before: all connections over TLS are made anew.
  void trust(const std::shared_ptr<const io::TlsTrust>& trust);

  // The endpoint's pool; its name is resolved at first use. Valid until the exchange that is opened
  // on it ends. Errors: kUnavailable (the name does not resolve), kTimeout, kCancelled.
  [[nodiscard]] io::MaybeTask<Result<http::Upstream*>> find(const domain::Endpoint& endpoint);

  // Drops the pools of endpoints that are not in `snapshot`, and idle connections that are too old.
  // Called after a reload and now and then.
  void tidy(const domain::Snapshot& snapshot);
  void close_idle();

 private:
  struct Place {
    std::string host;
    std::uint16_t port = 0;
    bool tls = false;
    bool operator==(const Place&) const = default;
  };
  struct Entry {
    Place place;
    io::Address address;
    Instant look_again{};
    std::unique_ptr<http::Upstream> upstream;
  };
  [[nodiscard]] io::Task<Result<http::Upstream*>> resolve(Uid uid, Place place);
  [[nodiscard]] Instant look_again(const std::string& host) const;
  void retire(Entry& entry);

  io::Loop& loop_;
  io::Network& network_;
  const http::ClientLimits& limits_;
  std::shared_ptr<const io::TlsTrust> trust_;
  std::shared_ptr<io::TlsClient> tls_;
  std::map<Uid, Entry> entries_;
  std::vector<std::unique_ptr<http::Upstream>> retired_;
};

}  // namespace tdn::gateway
