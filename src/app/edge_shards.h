// The shards of one edge: on each a gateway that serves the shared address, over that shard's
// books; in a network also the address for peers.
//
// Belongs to the main thread; its loop hears what the shards report.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "books/books_service.h"
#include "gateway/gateway.h"
#include "gateway/peer_handler.h"
#include "http/server.h"
#include "io/peer_link.h"
#include "io/shards.h"
#include "requests/request_log.h"
#include "route/prefix.h"

namespace tdn::app {

// Where an edge listens and, with `peers`, how it reaches those of the other sites.
struct EdgePlaces {
  io::Address clients;
  std::optional<io::Address> peers;  // nothing: an edge alone
  io::DialMap dial;
};

class EdgeShards {
 public:
  // All borrowed. The writer must not run yet: books of the shards are added, as are their parts of
  // the request log.
  EdgeShards(int count, io::BlockingPool& pool, io::Loop& main, books::BooksService& books,
             requests::RequestLog& log, Duration stall);
  // Drained.
  ~EdgeShards();
  EdgeShards(const EdgeShards&) = delete;
  EdgeShards& operator=(const EdgeShards&) = delete;

  // Builds the gateways and listens; the places with their ports. The writer runs. Blocks.
  [[nodiscard]] Result<EdgePlaces> start(
      const EdgePlaces& places, const std::shared_ptr<const gateway::Catalogue>& catalogue);
  void publish(const std::shared_ptr<const gateway::Catalogue>& catalogue);
  // The same; returns once every shard has switched.
  [[nodiscard]] io::Task<> switch_to(std::shared_ptr<const gateway::Catalogue> catalogue);
  // False: nothing new is admitted. From any thread.
  void set_admitting(bool admitting) { admitting_.store(admitting, std::memory_order_relaxed); }
  // The keys shared with peers; of an edge in a network.
  void publish(const std::shared_ptr<const protocol::RouteKeys>& keys);
  void publish(const std::shared_ptr<const gateway::UserHasher>& hasher);
  // To be told what control says the time is.
  [[nodiscard]] protocol::NetworkTime& network_time() { return network_time_; }
  // For whatever else speaks to peers through `link`, borrowed; nothing if the edge is alone.
  [[nodiscard]] std::optional<gateway::Membership> membership(io::PeerLink& link);
  [[nodiscard]] io::Task<std::vector<Sample>> samples();
  // Nothing new; what is open gets `grace`, then is interrupted and settled.
  [[nodiscard]] io::Task<> drain(Duration grace);
  // After `drain` and the writer's end: takes the gateways down and ends the threads. Blocks.
  void stop();

 private:
  struct Part;
  [[nodiscard]] gateway::GatewayOptions options(int shard);
  void tell_log(const gateway::Catalogue& catalogue);
  Result<void> build(io::Shard& shard, const std::shared_ptr<const gateway::Catalogue>& catalogue);
  Result<void> build_all(bool first, const std::shared_ptr<const gateway::Catalogue>& catalogue);
  // Runs the function on each shard and returns when all have.
  [[nodiscard]] io::Task<> ask_each(std::function<void(Part&)> function);

  io::Loop& main_;
  books::BooksService& books_;
  requests::RequestLog& log_;
  std::vector<requests::ShardLog*> logs_;  // by shard
  route::PrefixTable prefixes_;
  http::BodyBudget budget_;
  const http::ServerLimits limits_;
  const http::ServerLimits peer_limits_;
  const Duration stall_;
  EdgePlaces places_;
  std::atomic<bool> admitting_ = true;
  protocol::NetworkTime network_time_;
  const Instant boot_ = system_clock().now();
  std::unique_ptr<protocol::SeenTokens> seen_;  // in a network
  io::Shards shards_;
  std::vector<std::unique_ptr<Part>> parts_;  // by shard; each touched on its thread alone
  bool stopped_ = false;
};

}  // namespace tdn::app
