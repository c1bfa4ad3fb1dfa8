// An edge of a network as a process that can die: gateway and books of sim/edge_process.h, and the
// agent that ties them to control. It serves once it has a snapshot, from its disk or from control.
//
// Between steps only: `kill` must find nobody about to run.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "agent/agent.h"
#include "books/books_service.h"
#include "gateway/gateway.h"
#include "gateway/peer_handler.h"
#include "gateway/peer_prober.h"
#include "gateway/prober.h"
#include "http/server.h"
#include "io/blocking_pool.h"
#include "io/memory_disk.h"
#include "io/peer_link.h"
#include "sim/journal_driver.h"
#include "sim/machines.h"

namespace tdn::sim {

// What the world lends to an edge.
struct NetworkEdgeWorld {
  Random& random;
  Trace& trace;
  SimPoller& poller;
  Machine& machine;
  io::MemoryDisk& disk;
};

struct NetworkEdgeOptions {
  std::string site;
  std::uint16_t port = 8080;
  std::uint16_t peer_port = 8083;
  io::DialMap dial;  // peers and control
  std::string node_secret;
  codec::Ed25519PublicKey control_key{};
  std::string machine_boot;  // names the machine's run
  books::BooksOptions books;
  DiskTiming disk;
  gateway::PlantedBug gateway_bug = gateway::PlantedBug::kNone;
  agent::PlantedBug agent_bug = agent::PlantedBug::kNone;
};

class NetworkEdge final : private agent::AgentHost {
 public:
  // Errors are those that the program would end with.
  [[nodiscard]] static Result<std::unique_ptr<NetworkEdge>> start(const NetworkEdgeWorld& world,
                                                                  NetworkEdgeOptions options);
  ~NetworkEdge();

  void kill();
  // As SIGTERM.
  void begin_stop();
  [[nodiscard]] bool stopped() const { return stopped_; }
  // Its disk failed it: to be killed.
  [[nodiscard]] bool failed() const { return failed_; }
  // Control told it to begin another epoch: to be stopped in an orderly way and started again.
  [[nodiscard]] bool wants_restart() const { return wants_restart_; }
  [[nodiscard]] bool serving() const { return serving_; }

  // No request of it is under way, and all that it knows is written.
  [[nodiscard]] bool quiet() const;

  // Where it looks for control from now on.
  void find_control_at(const io::Address& address);

  [[nodiscard]] protocol::SnapshotOrder order() const { return agent_->keeper().order(); }
  [[nodiscard]] const agent::Agent& agent() const { return *agent_; }
  // Its books, and what control said that it keeps of them.
  [[nodiscard]] meter::OutboxPosition books() const { return books_->outbox().position(); }
  [[nodiscard]] std::uint64_t acknowledged() const {
    return agent_->acknowledged(books_->outbox().position().epoch);
  }
  [[nodiscard]] const Uid& uid() const { return books_->identity().edge; }
  // Its site's; zero while it has no snapshot.
  [[nodiscard]] Uid site() const;

 private:
  NetworkEdge(const NetworkEdgeWorld& world, NetworkEdgeOptions options);
  Result<void> set_up();
  io::Task<> run();
  io::Task<> stop();
  Result<void> serve();

  io::Task<Result<void>> prepare(std::shared_ptr<const domain::Snapshot> snapshot) override;
  io::Task<> switch_over() override;
  std::vector<protocol::EndpointReport> endpoints() override;
  void peers_report(const std::vector<protocol::PeerEndpoint>& endpoints) override;
  void use_keys(std::shared_ptr<const protocol::RouteKeys> keys) override;
  void use_user_secret(const codec::Digest& secret) override;
  void set_admitting(bool admitting) override { admitting_ = admitting; }
  void restart(std::string_view /*why*/) override { wants_restart_ = true; }

  NetworkEdgeWorld world_;
  NetworkEdgeOptions options_;
  io::Loop& loop_;
  io::BlockingPool pool_;
  std::unique_ptr<books::BooksService> books_;
  books::ShardBooks* shard_ = nullptr;
  std::unique_ptr<JournalDriver> writer_;

  io::DialMap dial_;
  std::unique_ptr<io::DialLink> link_;
  protocol::NetworkTime time_;
  std::unique_ptr<protocol::SeenTokens> seen_;
  std::optional<gateway::Membership> membership_;
  std::unique_ptr<agent::SnapshotStore> snapshots_;
  std::unique_ptr<agent::Agent> agent_;
  std::shared_ptr<const gateway::Catalogue> catalogue_;
  std::shared_ptr<const gateway::Catalogue> prepared_;
  std::shared_ptr<const protocol::RouteKeys> keys_;
  std::shared_ptr<const gateway::UserHasher> hasher_;
  std::atomic<bool> admitting_ = true;

  http::ServerLimits limits_;
  http::BodyBudget budget_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<gateway::Prober> prober_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<gateway::PeerHandler> peer_handler_;
  std::unique_ptr<http::Server> peer_server_;
  std::unique_ptr<gateway::PeerProber> peer_prober_;

  io::TaskGroup tasks_;
  io::TaskGroup stopping_;
  bool serving_ = false;
  bool stopped_ = false;
  bool failed_ = false;
  bool wants_restart_ = false;
};

}  // namespace tdn::sim
