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

constexpr MetricInfo kConnections{"tdn_connections", MetricKind::kGauge, "connections",
                                  "Client connections open now."};
constexpr MetricInfo kFull{"tdn_connections_full_total", MetricKind::kCounter, "pauses",
                           "Times accepting paused at the limit of client connections."};
constexpr MetricInfo kPauses{"tdn_accept_pauses_total", MetricKind::kCounter, "pauses",
                             "Times accepting paused for lack of descriptors."};

}  // namespace

struct EdgeShards::Part {
  Part(io::Shard& shard, std::unique_ptr<io::Listener> listener, books::ShardBooks& its_books,
       const http::ServerLimits& limits, http::BodyBudget& budget)
      : loop(shard.loop),
        books(its_books),
        // Ids of requests need not be secret, so each shard draws its own without a system call.
        random(system_random().next()),
        gateway(shard.loop, shard.network, random, books, {}),
        server(shard.loop, std::move(listener), gateway, limits, budget),
        tasks(shard.loop) {
    loop.add_turn_hook(books);
  }
  ~Part() {
    books.flush();  // so that nothing waits for a timer of a loop that ends
    loop.remove_turn_hook(books);
  }

  [[nodiscard]] std::vector<Sample> samples() {
    std::vector<Sample> samples;
    gateway.metrics().sample(samples);
    samples.emplace_back(kConnections, MetricLabels{}, static_cast<double>(server.connections()));
    samples.emplace_back(kFull, MetricLabels{}, static_cast<double>(server.times_full()));
    samples.emplace_back(kPauses, MetricLabels{}, static_cast<double>(server.pauses()));
    return samples;
  }

  io::Task<> drain(Duration grace, std::function<void()> done) {
    co_await server.drain(grace);
    gateway.close_idle();
    books.flush();
    done();
  }

  io::Loop& loop;
  books::ShardBooks& books;
  SeededRandom random;
  gateway::Gateway gateway;
  http::Server server;
  io::TaskGroup tasks;
};

EdgeShards::EdgeShards(int count, io::BlockingPool& pool, io::Loop& main,
                       books::BooksService& books)
    : main_(main),
      books_(books),
      limits_(within_descriptors(count)),
      shards_(count, pool),
      parts_(static_cast<std::size_t>(count)) {
  for (int i = 0; i < count; ++i) {
    books_.add_shard(shards_.loop(i).mailbox());
  }
}

EdgeShards::~EdgeShards() { stop(); }

Result<io::Address> EdgeShards::start(io::Address address,
                                      const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  Result<void> outcome;
  const auto build_all = [&](bool first) {
    shards_.on_each([&](io::Shard& shard) {
      if ((shard.index == 0) == first) {
        if (Result<void> built = build(shard, address, catalogue); !built && (first || outcome)) {
          outcome = std::move(built);
        }
      }
    });
  };
  build_all(true);
  if (outcome) {
    address = parts_.front()->server.address();  // the port, if any was asked for
    build_all(false);
  }
  if (!outcome) {
    return fail(std::move(outcome).error());
  }
  shards_.on_each(
      [this](io::Shard& shard) { parts_[static_cast<std::size_t>(shard.index)]->server.start(); });
  return address;
}

Result<void> EdgeShards::build(io::Shard& shard, io::Address address,
                               const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  TDN_TRY(std::unique_ptr<io::Listener> listener, shard.network.listen(address, true));
  const auto index = static_cast<std::size_t>(shard.index);
  parts_[index] =
      std::make_unique<Part>(shard, std::move(listener), books_.shard(index), limits_, budget_);
  parts_[index]->gateway.publish(catalogue);
  return {};
}

void EdgeShards::publish(const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    shards_.post(static_cast<int>(i),
                 [this, i, catalogue](io::Shard&) { parts_[i]->gateway.publish(catalogue); });
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
