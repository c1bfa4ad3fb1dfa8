// What the agent asks of the edge around it; implemented where both are known (app). All calls come
// on the agent's loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/snapshot.h"
#include "io/task.h"
#include "protocol/route_keys.h"
#include "protocol/sync.h"
#include "protocol/watch.h"

namespace tdn::agent {

class AgentHost {
 public:
  // Makes ready whatever the snapshot needs here. Nothing changes yet; an Error refuses the
  // snapshot and names the reason.
  [[nodiscard]] virtual io::Task<Result<void>> prepare(
      std::shared_ptr<const domain::Snapshot> snapshot) = 0;
  // Takes what was prepared last into use; returns once every shard has switched.
  [[nodiscard]] virtual io::Task<> switch_over() = 0;

  // How this site's own endpoints do now.
  [[nodiscard]] virtual std::vector<protocol::EndpointReport> endpoints() = 0;
  // How those of other sites do.
  virtual void peers_report(const std::vector<protocol::PeerEndpoint>& endpoints) = 0;
  // Keys and places of the other edges, whenever they changed.
  virtual void use_keys(std::shared_ptr<const protocol::RouteKeys> keys) = 0;
  // The network's secret for hashing users; once.
  virtual void use_user_secret(const codec::Digest& secret) = 0;
  // False: the snapshot is older than it may be, nothing new is to be admitted. Called on change.
  virtual void set_admitting(bool admitting) = 0;
  // The process has to end in an orderly way and start again: it writes another epoch then.
  virtual void restart(std::string_view why) = 0;

 protected:
  ~AgentHost() = default;
};

}  // namespace tdn::agent
