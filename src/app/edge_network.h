// What an edge in a network has and an edge alone has not: the agent, and the way from what it
// learns to the shards. Belongs to the main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "app/command_line.h"
#include "app/edge_shards.h"
#include "app/main_loop.h"
#include "books/books_service.h"
#include "gateway/attribution.h"
#include "gateway/catalogue.h"

namespace tdn::app {

class EdgeNetwork final : private agent::AgentHost {
 public:
  // What else of the edge wants to know; called on the main loop.
  struct Listeners {
    std::function<void(const std::shared_ptr<const gateway::Catalogue>&)> catalogue;
    std::function<void(const std::shared_ptr<const protocol::RouteKeys>&)> keys;
    std::function<void()> restart;  // an orderly end is wanted, and a new start
  };

  // Reads the node secret, pins control's key. All but the listeners borrowed. Errors name the file
  // or the flag.
  [[nodiscard]] static Result<std::unique_ptr<EdgeNetwork>> create(MainLoop& main,
                                                                   const EdgeCommand& command,
                                                                   books::BooksService& books,
                                                                   EdgeShards& shards);
  ~EdgeNetwork();

  // The writer runs. Returns once there is a catalogue to serve by; false: cancelled.
  [[nodiscard]] io::Task<bool> begin(Listeners listeners);
  // The shards serve, and hear from now on what changes.
  void serve();
  // Reads the engines' credentials and the trusted certificates again.
  [[nodiscard]] io::Task<> reread();
  // The shards are drained, the writer still runs.
  [[nodiscard]] io::Task<> stop() { return agent_->stop(); }

  [[nodiscard]] const std::shared_ptr<const gateway::Catalogue>& catalogue() const {
    return catalogue_;
  }
  // Why this edge is not ready, as far as control is concerned.
  [[nodiscard]] Result<void> ready() const;
  [[nodiscard]] std::vector<Sample> samples() const { return agent_->samples(); }

 private:
  EdgeNetwork(MainLoop& main, const EdgeCommand& command, EdgeShards& shards);
  [[nodiscard]] io::Task<Result<std::shared_ptr<const gateway::Catalogue>>> make(
      std::shared_ptr<const domain::Snapshot> snapshot);

  io::Task<Result<void>> prepare(std::shared_ptr<const domain::Snapshot> snapshot) override;
  io::Task<> switch_over() override;
  std::vector<protocol::EndpointReport> endpoints() override;
  void peers_report(const std::vector<protocol::PeerEndpoint>& endpoints) override;
  void use_keys(std::shared_ptr<const protocol::RouteKeys> keys) override;
  void use_user_secret(const codec::Digest& secret) override;
  void set_admitting(bool admitting) override { shards_.set_admitting(admitting); }
  void restart(std::string_view why) override;

  MainLoop& main_;
  const EdgeCommand& command_;
  EdgeShards& shards_;
  Listeners listeners_;
  io::DialMap dial_;
  io::DialLink link_;
  std::unique_ptr<agent::SnapshotStore> store_;
  std::unique_ptr<agent::Agent> agent_;

  std::shared_ptr<const gateway::Catalogue> catalogue_;
  std::shared_ptr<const gateway::Catalogue> prepared_;
  std::shared_ptr<const protocol::RouteKeys> keys_;
  std::shared_ptr<const gateway::UserHasher> hasher_;
  bool serving_ = false;
  bool switching_ = false;  // a snapshot is being prepared, or waits for its turn
};

}  // namespace tdn::app
