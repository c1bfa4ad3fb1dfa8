// The edge as a process that can die: everything that the program wires together for one shard, on
// a host, a disk and a loop of the simulated world. Started again on the same disk it recovers as
// the program does.
//
// Between turns of the loop only: `kill` must find nobody about to run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "books/books_service.h"
#include "gateway/gateway.h"
#include "gateway/peer_handler.h"
#include "gateway/peer_prober.h"
#include "gateway/prober.h"
#include "http/server.h"
#include "io/memory_disk.h"
#include "io/peer_link.h"
#include "sim/journal_driver.h"
#include "sim/network.h"

namespace tdn::sim {

// What the world lends to each of its processes.
struct EdgeWorld {
  const Clock& clock;
  Random& random;
  Trace& trace;
  SimPoller& poller;
  io::Loop& loop;
  SimHost& host;
  io::MemoryDisk& disk;
};

// What makes the edge one of a network.
struct EdgeNetwork {
  std::uint16_t port = 8083;  // for peers
  io::DialMap dial;
  std::shared_ptr<const protocol::RouteKeys> keys;
  gateway::PlantedBug bug = gateway::PlantedBug::kNone;
};

struct EdgeOptions {
  std::shared_ptr<const domain::Snapshot> snapshot;
  std::string site;  // this edge's
  std::uint16_t port = 8080;
  books::BooksOptions books;
  DiskTiming disk;
  std::optional<EdgeNetwork> network = std::nullopt;
};

class EdgeProcess {
 public:
  // Recovers the books, listens. Errors are those that the program would end with.
  [[nodiscard]] static Result<std::unique_ptr<EdgeProcess>> start(const EdgeWorld& world,
                                                                  const EdgeOptions& options);
  // Killed.
  ~EdgeProcess();

  // As `kill -9`: every coroutine is dropped where it stands, connections end as the kernel ends
  // them, nothing more is written. Also what takes a stopped process down.
  void kill();

  // As SIGTERM: open streams get a moment, then everything is settled, durable and marked so.
  void begin_stop();
  [[nodiscard]] bool stopped() const { return stopped_; }

  // The process ended itself, because its disk failed it: to be killed.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  explicit EdgeProcess(const EdgeWorld& world);
  Result<void> set_up(const EdgeOptions& options);
  Result<void> join(const EdgeNetwork& network,
                    const std::shared_ptr<const gateway::Catalogue>& catalogue);
  io::Task<> stop();

  EdgeWorld world_;
  std::unique_ptr<books::BooksService> books_;
  books::ShardBooks* shard_ = nullptr;
  std::unique_ptr<JournalDriver> writer_;
  http::ServerLimits limits_;
  http::BodyBudget budget_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<gateway::Prober> prober_;
  std::unique_ptr<http::Server> server_;

  // Of one in a network.
  io::DialMap dial_;
  std::unique_ptr<io::DialLink> link_;
  protocol::NetworkTime time_;
  std::unique_ptr<protocol::SeenTokens> seen_;
  std::optional<gateway::Membership> membership_;
  std::unique_ptr<gateway::PeerHandler> peer_handler_;
  std::unique_ptr<http::Server> peer_server_;
  std::unique_ptr<gateway::PeerProber> peer_prober_;

  io::TaskGroup stopping_;
  bool stopped_ = false;
  bool failed_ = false;
};

}  // namespace tdn::sim
