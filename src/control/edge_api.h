// /edge/v1: what edges ask of control: syncs, the watch, the bytes of sections.
#pragma once

#include "control/shared.h"
#include "io/task_group.h"

namespace tdn::control {

class EdgeApi {
 public:
  // Of `peers` events to one edge.
  static constexpr Duration kBetweenPeers = std::chrono::milliseconds(100);

  explicit EdgeApi(Shared& shared) : shared_(shared) {}
  // `target` is of /edge/v1, and the caller has shown the secret of `site`.
  [[nodiscard]] io::Task<> handle(http::ServerConnection& client, Target target, std::string site);

 private:
  [[nodiscard]] io::Task<> sync(http::ServerConnection& client, std::string site);
  [[nodiscard]] io::Task<> watch(http::ServerConnection& client, std::string site);
  [[nodiscard]] io::Task<> section(http::ServerConnection& client, std::string sha256);
  [[nodiscard]] io::Task<> taken(http::ServerConnection& client, const std::string& site,
                                 const protocol::SyncRequest& request, const SyncAnswer& result);
  // What the watcher has not been told yet.
  [[nodiscard]] std::string news(Watcher& watcher, Instant& peers_due);
  [[nodiscard]] io::Task<> refuse(http::ServerConnection& client,
                                  const protocol::SyncRefusal& refusal);

  Shared& shared_;
};

}  // namespace tdn::control
