#include "wan/link.h"

#include <algorithm>
#include <utility>

#include "io/loop.h"
#include "wan/connection.h"

namespace tdn::wan {

Link::Link(io::Loop& loop, io::Network& network, Random& random, LinkPlan plan,
           std::unique_ptr<io::Listener> listener)
    : loop_(loop),
      network_(network),
      random_(random),
      plan_(std::move(plan)),
      listener_(std::move(listener)),
      acceptor_(loop),
      connections_(loop) {}

Link::~Link() = default;

void Link::start() { acceptor_.spawn(accept()); }

io::Task<> Link::stop() {
  acceptor_.cancel();
  co_await acceptor_.join();
  listener_->close();
  connections_.cancel();
  co_await connections_.join();
}

io::Task<> Link::accept() {
  while (true) {
    if (is_cut() || counters_.open >= kMostConnections) {
      if (co_await changed_.wait() != io::Wake::kReady) {
        co_return;
      }
      continue;
    }
    Result<std::unique_ptr<io::Stream>> client = co_await listener_->accept();
    if (!client) {
      co_return;
    }
    ++counters_.connections;
    ++counters_.open;
    connections_.spawn(serve(*std::move(client)));
  }
}

io::Task<> Link::serve(std::unique_ptr<io::Stream> client) {
  {
    Connection connection(*this, std::move(client));
    open_.push_back(&connection);
    co_await connection.run();
    std::erase(open_, &connection);
  }
  --counters_.open;
  changed_.set();
}

void Link::set_condition(const Condition& condition) {
  if (condition == condition_) {
    return;
  }
  const bool heals = is_cut() && condition.state != LinkState::kCut;
  condition_ = condition;
  changed_.set();
  for (Connection* connection : open_) {
    connection->on_condition(heals);
  }
}

Duration Link::one_way(Way way) const {
  const Duration half = round_trip() / 2;
  return way == Way::kOut ? half : round_trip() - half;
}

Instant Link::arrival(Way way, std::size_t bytes) {
  Instant sent = loop_.clock().now();
  if (plan_.bytes_per_second > 0) {
    Instant& free_at = free_at_[static_cast<std::size_t>(way)];
    const auto ns = static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 /
                                              static_cast<double>(plan_.bytes_per_second));
    free_at = std::max(free_at, sent) + Duration(ns);
    sent = free_at;
  }
  if (plan_.jitter > Duration::zero()) {
    sent += Duration(static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(plan_.jitter.count()) + 1)));
  }
  return sent + one_way(way);
}

}  // namespace tdn::wan
