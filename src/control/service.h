// Control as a whole on one loop: its listener, its logic behind the store's thread, its hub.
//
//   TDN_TRY(std::unique_ptr<Core> core, open_core(store, std::move(options)));
//   Service service(loop, pool, store, std::move(core), {…});
//   service.start(std::move(listener));
//   …
//   co_await service.drain(grace);
//
// The same code in a real process (a pool of one thread, SQLite) and in the simulator (a pool of
// none, memory). Belongs to the loop's thread.
#pragma once

#include <functional>
#include <memory>

#include "control/core.h"
#include "control/edge_api.h"
#include "control/operator_api.h"
#include "http/server.h"

namespace tdn::control {

// Reads the store, and publishes what it must (a first snapshot, a new control epoch). Blocks.
[[nodiscard]] Result<std::unique_ptr<Core>> open_core(store::Store& store, CoreOptions options);

struct ServiceOptions {
  Secret operator_token;
  Nodes nodes;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  // On the store's thread, when the store failed: a real process ends.
  std::function<void(const Error&)> on_store_failure;
  // On the loop, after a snapshot was committed: what is to be remembered outside the store.
  std::function<void(const protocol::SnapshotOrder&)> on_published;
  // Makes and keeps a new network secret, and gives those that live.
  std::function<Result<std::vector<NetworkSecret>>()> rotate_secret;
  store::PlantedBug bug = store::PlantedBug::kNone;
};

class Service final : private http::Handler {
 public:
  // Watches, and calls that wait, each keep a connection.
  static constexpr std::size_t kMostConnections = 4096;

  Service(io::Loop& loop, io::BlockingPool& pool, store::Store& store, std::unique_ptr<Core> core,
          ServiceOptions options);

  void start(std::unique_ptr<io::Listener> listener);
  // No new requests; open ones get `grace`. Then the store may be closed.
  [[nodiscard]] io::Task<> drain(Duration grace);
  // Simulated crash, after Loop::forget_ready.
  void destroy_all();

  void set_nodes(Nodes nodes) { shared_.nodes = std::move(nodes); }
  [[nodiscard]] const Hub& hub() const { return shared_.hub; }
  [[nodiscard]] const ControlMetrics& metrics() const { return shared_.metrics; }
  [[nodiscard]] io::Address address() const { return server_->address(); }

 private:
  io::Task<> handle(http::ServerConnection& client) override;
  io::Task<> refuse(http::ServerConnection& client, Error error) override;
  [[nodiscard]] Result<std::string> authorise(const http::ServerConnection& client,
                                              const Target& target);
  io::Task<> dispatch(http::ServerConnection& client, Target target, std::string site);
  [[nodiscard]] std::string metrics_page() const;

  io::Loop& loop_;
  http::ServerLimits limits_;
  http::BodyBudget budget_;
  std::unique_ptr<Core> core_;
  store::Committer committer_;
  Shared shared_;
  OperatorToken operator_token_;
  OperatorApi operators_;
  EdgeApi edges_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace tdn::control
