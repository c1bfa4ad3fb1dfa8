// One edge while it runs: shards, books' writer, probers, admin listener; in a network also its
// agent. Belongs to the main thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/catalogue.h"
#include "app/edge_network.h"
#include "app/edge_shards.h"
#include "app/main_loop.h"
#include "gateway/admin.h"
#include "gateway/peer_prober.h"
#include "gateway/prober.h"

namespace tdn::app {

class EdgeRole final : private gateway::AdminSource {
 public:
  // All borrowed. Alone it has a catalogue from the start and a hasher of its own.
  EdgeRole(MainLoop& main, const EdgeCommand& command, books::BooksService& books,
           requests::RequestLog& log, std::shared_ptr<const gateway::Catalogue> catalogue,
           std::shared_ptr<const gateway::UserHasher> hasher);
  // Of an edge in a network, before it serves.
  [[nodiscard]] Result<void> join_network();

  void on_signal(int signal);
  // Until it is stopped.
  [[nodiscard]] io::Task<Result<void>> serve();
  // It ended because it must start again.
  [[nodiscard]] bool restarts() const { return restarts_; }

 private:
  io::Task<Result<void>> serve_by_catalogue(io::Address admin);
  io::Task<> begin_network();
  io::Task<> announce(const EdgePlaces& places, io::Address admin);
  io::Task<> write_log();
  void note_log_failure(const Result<void>& done);
  io::Task<> reload();
  void publish(const std::shared_ptr<const gateway::Catalogue>& catalogue);
  void begin_probing(const EdgePlaces& places);
  [[nodiscard]] std::size_t endpoints_in(route::Health health, bool own_only) const;
  [[nodiscard]] bool all_probed() const;

  Result<void> ready() override;
  io::Task<std::string> metrics() override;

  MainLoop& main_;
  const EdgeCommand& command_;
  books::BooksService& books_;
  requests::RequestLog& log_;
  std::shared_ptr<const gateway::Catalogue> catalogue_;  // null until control has sent one
  const std::shared_ptr<const gateway::UserHasher> hasher_;
  EdgeShards shards_;
  gateway::Prober prober_;
  io::DialLink link_;
  std::optional<gateway::PeerProber> peer_prober_;  // with peers
  std::unique_ptr<EdgeNetwork> network_;            // with control
  gateway::Admin admin_{*this};
  const http::ServerLimits limits_;
  http::BodyBudget budget_;
  io::TaskGroup tasks_;
  io::TaskGroup starting_;
  io::Event begun_;
  io::Event stop_;
  bool has_begun_ = false;
  bool draining_ = false;
  bool restarts_ = false;
  bool log_failed_ = false;
};

}  // namespace tdn::app
