#include "app/edge_shards.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace tdn::app {
namespace {

// For the journal, listeners, reactors and logs.
constexpr std::size_t kOwnDescriptors = 64;

// Clients may take half of the descriptors we have: the other half is for their engines, or a crowd
// at the door would leave those inside without any.
http::ServerLimits within_descriptors(int shards) {
  http::ServerLimits limits;
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur != RLIM_INFINITY) {
    const auto all = std::max<std::size_t>(descriptors.rlim_cur, 2 * kOwnDescriptors);
    const std::size_t each = (all - kOwnDescriptors) / 2 / static_cast<std::size_t>(shards);
    limits.connections = std::clamp<std::size_t>(each, 1, limits.connections);
  }
  return limits;
}

// Each other edge keeps as many connections as requests it has here at once. A body may have grown
// by the sender's splices.
http::ServerLimits for_peers(http::ServerLimits limits) {
  limits.connections = std::max<std::size_t>(limits.connections / 2, 1);
  limits.body_bytes += std::size_t{64} << 10U;
  return limits;
}

constexpr MetricInfo kConnections{"tdn_connections", MetricKind::kGauge, "connections",
                                  "Client connections open now."};
constexpr MetricInfo kPeerConnections{"tdn_peer_connections", MetricKind::kGauge, "connections",
                                      "Connections of other edges open now."};
constexpr MetricInfo kFull{"tdn_connections_full_total", MetricKind::kCounter, "pauses",
                           "Times accepting paused at the limit of client connections."};
constexpr MetricInfo kPauses{"tdn_accept_pauses_total", MetricKind::kCounter, "pauses",
                             "Times accepting paused for lack of descriptors."};

}  // namespace

struct EdgeShards::Part {
  Part(io::Shard& shard, std::unique_ptr<io::Listener> listener, books::ShardBooks& its_books,
       EdgeShards& edge)
      : loop(shard.loop),
        books(its_books),
        // Ids of requests need not be secret, so each shard draws its own without a system call.
        random(system_random().next()),
        link(shard.network, edge.places_.dial),
        membership(edge.membership(link)),
        gateway(shard.loop, shard.network, random, books, edge.options(shard.index),
                membership ? &*membership : nullptr),
        server(shard.loop, std::move(listener), gateway, edge.limits_, edge.budget_),
        peer_handler(gateway),
        tasks(shard.loop) {
    loop.add_turn_hook(books);
  }
  void listen_to_peers(std::unique_ptr<io::Listener> listener, EdgeShards& edge) {
    peer_server.emplace(loop, std::move(listener), peer_handler, edge.peer_limits_, edge.budget_);
  }
  void start() {
    server.start();
    if (peer_server) {
      peer_server->start();
    }
  }
  ~Part() {
    books.flush();  // so that nothing waits for a timer of a loop that ends
    loop.remove_turn_hook(books);
  }

  [[nodiscard]] std::vector<Sample> samples() {
    std::vector<Sample> samples;
    gateway.metrics().sample(samples);
    samples.emplace_back(kConnections, MetricLabels{}, static_cast<double>(server.connections()));
    if (peer_server) {
      samples.emplace_back(kPeerConnections, MetricLabels{},
                           static_cast<double>(peer_server->connections()));
    }
    samples.emplace_back(kFull, MetricLabels{}, static_cast<double>(server.times_full()));
    samples.emplace_back(kPauses, MetricLabels{}, static_cast<double>(server.pauses()));
    return samples;
  }

  io::Task<> drain(Duration grace, std::function<void()> done) {
    io::TaskGroup both(loop);
    both.spawn(server.drain(grace));
    if (peer_server) {
      both.spawn(peer_server->drain(grace));
    }
    co_await both.join();
    gateway.close_idle();
    books.flush();
    done();
  }

  io::Loop& loop;
  books::ShardBooks& books;
  SeededRandom random;
  io::DialLink link;
  std::optional<gateway::Membership> membership;  // in a network
  gateway::Gateway gateway;
  http::Server server;
  gateway::PeerHandler peer_handler;
  std::optional<http::Server> peer_server;
  io::TaskGroup tasks;
};

EdgeShards::EdgeShards(int count, io::BlockingPool& pool, io::Loop& main,
                       books::BooksService& books, requests::RequestLog& log, Duration stall)
    : main_(main),
      books_(books),
      log_(log),
      prefixes_({system_random().next(), system_random().next()}),
      limits_(within_descriptors(count)),
      peer_limits_(for_peers(limits_)),
      stall_(stall),
      shards_(count, pool),
      parts_(static_cast<std::size_t>(count)) {
  for (int i = 0; i < count; ++i) {
    books_.add_shard(shards_.loop(i).mailbox());
    logs_.push_back(&log.add_shard());
  }
}

EdgeShards::~EdgeShards() { stop(); }

gateway::GatewayOptions EdgeShards::options(int shard) {
  gateway::GatewayOptions options;
  options.admitting = &admitting_;
  options.stall = stall_;
  options.prefixes = &prefixes_;
  options.log = logs_[static_cast<std::size_t>(shard)];
  return options;
}

// Before a shard may write of the catalogue's endpoints by their numbers.
void EdgeShards::tell_log(const gateway::Catalogue& catalogue) {
  log_.publish(catalogue.number(), catalogue.table().shared_snapshot(), catalogue.here());
}

std::optional<gateway::Membership> EdgeShards::membership(io::PeerLink& link) {
  if (!places_.peers) {
    return std::nullopt;
  }
  return gateway::Membership{link, network_time_, *seen_, boot_};
}

Result<EdgePlaces> EdgeShards::start(const EdgePlaces& places,
                                     const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  places_ = places;
  tell_log(*catalogue);
  if (places_.peers) {
    seen_ = std::make_unique<protocol::SeenTokens>();
  }
  TDN_TRY_VOID(build_all(true, catalogue));
  // The ports, if any were asked for.
  places_.clients = parts_.front()->server.address();
  if (places_.peers) {
    places_.peers = parts_.front()->peer_server->address();
  }
  TDN_TRY_VOID(build_all(false, catalogue));
  shards_.on_each(
      [this](io::Shard& shard) { parts_[static_cast<std::size_t>(shard.index)]->start(); });
  return places_;
}

// The first shard, or all others.
Result<void> EdgeShards::build_all(bool first,
                                   const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  Result<void> outcome;
  shards_.on_each([&](io::Shard& shard) {
    if ((shard.index == 0) == first) {
      if (Result<void> built = build(shard, catalogue); !built && outcome) {
        outcome = std::move(built);
      }
    }
  });
  return outcome;
}

Result<void> EdgeShards::build(io::Shard& shard,
                               const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  TDN_TRY(std::unique_ptr<io::Listener> listener, shard.network.listen(places_.clients, true));
  const auto index = static_cast<std::size_t>(shard.index);
  auto part = std::make_unique<Part>(shard, std::move(listener), books_.shard(index), *this);
  if (places_.peers) {
    Result<std::unique_ptr<io::Listener>> peers = shard.network.listen(*places_.peers, true);
    if (!peers) {
      return fail(peers.error().with("listening for peers"));
    }
    part->listen_to_peers(*std::move(peers), *this);
  }
  parts_[index] = std::move(part);
  parts_[index]->gateway.publish(catalogue);
  return {};
}

void EdgeShards::publish(const std::shared_ptr<const protocol::RouteKeys>& keys) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    shards_.post(static_cast<int>(i),
                 [this, i, keys](io::Shard&) { parts_[i]->gateway.publish(keys); });
  }
}

void EdgeShards::publish(const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  tell_log(*catalogue);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    shards_.post(static_cast<int>(i),
                 [this, i, catalogue](io::Shard&) { parts_[i]->gateway.publish(catalogue); });
  }
}

void EdgeShards::publish(const std::shared_ptr<const gateway::UserHasher>& hasher) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    shards_.post(static_cast<int>(i),
                 [this, i, hasher](io::Shard&) { parts_[i]->gateway.publish(hasher); });
  }
}

io::Task<> EdgeShards::ask_each(std::function<void(Part&)> function) {
  struct Shared {
    std::size_t left;
    io::Event* done;  // null once nobody waits
  };
  io::Event done;
  const auto shared = std::make_shared<Shared>(Shared{parts_.size(), &done});
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    shards_.post(static_cast<int>(i), [this, i, function, shared](io::Shard&) {
      function(*parts_[i]);
      main_.mailbox().post([shared] {
        if (--shared->left == 0 && shared->done != nullptr) {
          shared->done->set();
        }
      });
    });
  }
  co_await done.wait();
  shared->done = nullptr;
}

io::Task<> EdgeShards::switch_to(std::shared_ptr<const gateway::Catalogue> catalogue) {
  tell_log(*catalogue);
  std::function<void(Part&)> publish = [catalogue](Part& part) { part.gateway.publish(catalogue); };
  co_await ask_each(std::move(publish));
}

io::Task<std::vector<Sample>> EdgeShards::samples() {
  const auto gathered = std::make_shared<std::vector<std::vector<Sample>>>(parts_.size());
  std::function<void(Part&)> take = [this, gathered](Part& part) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].get() == &part) {
        (*gathered)[i] = part.samples();
      }
    }
  };
  co_await ask_each(std::move(take));
  std::vector<Sample> all;
  for (std::vector<Sample>& samples : *gathered) {
    all.insert(all.end(), std::make_move_iterator(samples.begin()),
               std::make_move_iterator(samples.end()));
  }
  co_return all;
}

io::Task<> EdgeShards::drain(Duration grace) {
  io::Event drained;
  std::size_t left = parts_.size();
  const std::function<void()> one_is_drained = [&drained, &left] {
    if (--left == 0) {
      drained.set();
    }
  };
  std::function<void(Part&)> begin = [this, grace, one_is_drained](Part& part) {
    std::function<void()> tell = [this, one_is_drained] { main_.mailbox().post(one_is_drained); };
    part.tasks.spawn(part.drain(grace, std::move(tell)));
  };
  co_await ask_each(std::move(begin));
  co_await drained.wait();
}

void EdgeShards::stop() {
  if (std::exchange(stopped_, true)) {
    return;
  }
  shards_.on_each(
      [this](io::Shard& shard) { parts_[static_cast<std::size_t>(shard.index)].reset(); });
  shards_.stop();
}

}  // namespace tdn::app
