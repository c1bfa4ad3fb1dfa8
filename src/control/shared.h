// What the two halves of control's API stand on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/api_request.h"
#include "control/core.h"
#include "control/hub.h"
#include "control/metrics.h"
#include "control/nodes.h"
#include "http/server_connection.h"
#include "store/committer.h"

namespace tdn::control {

struct Shared {
  Shared(io::Loop& its_loop, store::Committer& its_committer, Core& its_core)
      : loop(its_loop), committer(its_committer), core(its_core), hub(its_loop) {}

  io::Loop& loop;
  store::Committer& committer;
  Core& core;  // to be touched within operations only
  Hub hub;
  Nodes nodes;
  ControlMetrics metrics;
  const Clock* clock = nullptr;
  std::function<void(const protocol::SnapshotOrder&)> on_published;
  std::function<Result<std::vector<NetworkSecret>>()> rotate_secret;
  bool draining = false;

  // Puts a committed snapshot in force.
  void publish(Snapshot snapshot) {
    metrics.snapshots.add();
    const protocol::SnapshotOrder order = snapshot->order;
    hub.publish(std::move(snapshot));
    if (on_published) {
      on_published(order);
    }
  }
};

// A whole answer. A client that is gone has its connection reset.
[[nodiscard]] io::Task<> answer(http::ServerConnection& client, int status, std::string body,
                                std::string_view type = "application/json");
[[nodiscard]] io::Task<> answer_error(http::ServerConnection& client, Error error);

}  // namespace tdn::control
