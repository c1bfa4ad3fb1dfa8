#include "sim/network.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "sim/detail/connection.h"

namespace tdn::sim {
namespace {

constexpr std::size_t kMostHosts = 250;
constexpr Duration kLeastPatience = std::chrono::milliseconds(200);

std::unique_ptr<io::Stream> as_stream(std::unique_ptr<SimStream> stream) { return stream; }

}  // namespace

SimNetwork::SimNetwork(SimPoller& poller, Random& random, Trace& trace)
    : poller_(poller), random_(random), trace_(trace) {}

SimNetwork::~SimNetwork() = default;

SimHost& SimNetwork::add_host(std::string name) {
  TDN_ASSERT(hosts_.size() < kMostHosts);
  const auto index = static_cast<int>(hosts_.size());
  hosts_.push_back(std::make_unique<SimHost>(*this, std::move(name), index));
  return *hosts_.back();
}

SimNetwork::Link& SimNetwork::link(int a, int b) {
  return links_[std::pair(std::min(a, b), std::max(a, b))];
}

void SimNetwork::set_link(const SimHost& a, const SimHost& b, const LinkOptions& options) {
  TDN_ASSERT(options.piece >= 1);
  link(a.index_, b.index_).options = options;
}

void SimNetwork::cut(const SimHost& a, const SimHost& b, Duration duration) {
  trace_.note("cut", static_cast<std::uint64_t>(a.index_), static_cast<std::uint64_t>(b.index_));
  Link& path = link(a.index_, b.index_);
  path.cut_until = std::max(path.cut_until, poller_.now() + duration);
}

void SimNetwork::reset(const SimHost& a, const SimHost& b) {
  trace_.note("break", static_cast<std::uint64_t>(a.index_), static_cast<std::uint64_t>(b.index_));
  for (const std::weak_ptr<SimConnection>& weak : connections_) {
    const std::shared_ptr<SimConnection> connection = weak.lock();
    if (connection != nullptr && !connection->dead() && connection->joins(a.index_, b.index_)) {
      connection->break_down();
    }
  }
}

void SimNetwork::set_power(SimHost& host, bool on) {
  trace_.note("power", static_cast<std::uint64_t>(host.index_), on ? 1 : 0);
  host.powered_ = on;
}

Duration SimNetwork::delay(const LinkOptions& options) {
  const auto jitter = static_cast<std::uint64_t>(options.jitter.count());
  return options.latency + Duration(random_.below(jitter + 1));
}

Duration SimNetwork::loss(const LinkOptions& options) {
  if (options.loss_per_mille == 0 || random_.below(1000) >= options.loss_per_mille) {
    return {};
  }
  return kLeastPatience + 4 * options.latency;
}

SimHost* SimNetwork::find(const io::Address& address) {
  for (const std::unique_ptr<SimHost>& host : hosts_) {
    if (host->address(address.port) == address) {
      return host.get();
    }
  }
  return nullptr;
}

SimListener* SimNetwork::pick_listener(const io::Address& address) {
  const auto found = listeners_.find(address);
  if (found == listeners_.end()) {
    return nullptr;
  }
  return found->second[random_.below(found->second.size())];
}

void SimNetwork::remember(const std::shared_ptr<SimConnection>& connection) {
  std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
  connections_.push_back(connection);
}

SimHost::SimHost(SimNetwork& network, std::string name, int index)
    : network_(network), name_(std::move(name)), index_(index) {}

io::Address SimHost::address(std::uint16_t port) const {
  io::Address address;
  address.ip[0] = 127;
  address.ip[3] = static_cast<std::uint8_t>(index_ + 1);
  address.port = port;
  return address;
}

std::uint16_t SimHost::free_port() {
  const std::uint16_t port = next_port_;
  next_port_ = port == 65'535 ? std::uint16_t{32'768} : static_cast<std::uint16_t>(port + 1);
  return port;
}

io::Task<Result<std::unique_ptr<io::Stream>>> SimHost::connect(io::Address to) {
  SimHost* host = network_.find(to);
  if (host == nullptr) {
    co_return fail(Code::kUnavailable,
                   fmt::format("cannot connect to {}: no route to host", to_string(to)));
  }
  auto connection = std::make_shared<SimConnection>(network_, network_.next_connection_++, *this,
                                                    *host, address(free_port()), to);
  network_.remember(connection);
  std::unique_ptr<SimStream> stream = connection->dial();
  TDN_CO_TRY_VOID(to_result(co_await stream->writable(), "connecting to " + to_string(to)));
  if (stream->peer_gone()) {
    co_return fail(stream->error());
  }
  co_return as_stream(std::move(stream));
}

Result<std::unique_ptr<io::Listener>> SimHost::listen(io::Address at, bool shared) {
  if (network_.find(at) != this) {
    return fail(Code::kUnavailable,
                fmt::format("cannot listen on {}: not an address of '{}'", to_string(at), name_));
  }
  if (at.port == 0) {
    at.port = free_port();
  }
  if (!shared && network_.listeners_.contains(at)) {
    return fail(Code::kUnavailable,
                fmt::format("cannot listen on {}: address in use", to_string(at)));
  }
  return std::unique_ptr<io::Listener>(std::make_unique<SimListener>(network_, at));
}

io::Task<Result<io::Address>> SimHost::resolve(std::string host, std::uint16_t port) {
  if (const Result<io::Address> number = io::Address::parse(fmt::format("{}:{}", host, port))) {
    co_return *number;
  }
  for (const std::unique_ptr<SimHost>& known : network_.hosts_) {
    if (known->name() == host) {
      co_return known->address(port);
    }
  }
  co_return fail(Code::kUnavailable, fmt::format("cannot resolve '{}': no such host", host));
}

SimListener::SimListener(SimNetwork& network, const io::Address& address)
    : network_(network), address_(address) {
  network_.listeners_[address_].push_back(this);
}

io::Task<Result<std::unique_ptr<io::Stream>>> SimListener::accept() {
  while (!closed_) {
    if (!backlog_.empty()) {
      std::unique_ptr<SimStream> stream = std::move(backlog_.front());
      backlog_.pop_front();
      co_return as_stream(std::move(stream));
    }
    TDN_CO_TRY_VOID(to_result(co_await arrived_.wait(), "accepting"));
  }
  co_return fail(Code::kClosed, "the listener was closed");
}

void SimListener::close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  for (const std::unique_ptr<SimStream>& stream : backlog_) {
    stream->abort();
  }
  backlog_.clear();
  const auto here = network_.listeners_.find(address_);
  std::erase(here->second, this);
  if (here->second.empty()) {
    network_.listeners_.erase(here);
  }
  arrived_.set();
}

bool SimListener::full() const { return backlog_.size() >= kBacklog; }

void SimListener::offer(std::unique_ptr<SimStream> stream) {
  backlog_.push_back(std::move(stream));
  arrived_.set();
}

}  // namespace tdn::sim
