#include "sim/network_edge.h"

#include <utility>

#include "base/assert.h"
#include "gateway/catalogue.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGrace = 5s;
constexpr std::size_t kSeenBucketsLog2 = 8;  // stories are short

io::BlockingPool::Later file_times(const NetworkEdgeWorld& world, Duration mean) {
  return [&random = world.random, &poller = world.poller, mean](std::function<void()> job) {
    const auto most = static_cast<std::uint64_t>(2 * mean.count());
    poller.after(Duration(random.below(most + 1)), std::move(job));
  };
}

}  // namespace

NetworkEdge::NetworkEdge(const NetworkEdgeWorld& world, NetworkEdgeOptions options)
    : world_(world),
      options_(std::move(options)),
      loop_(world.machine.loop()),
      pool_(file_times(world, options_.disk.write)),
      dial_(options_.dial),
      tasks_(loop_),
      stopping_(loop_) {}

NetworkEdge::~NetworkEdge() { TDN_ASSERT(shard_ == nullptr); }

Result<std::unique_ptr<NetworkEdge>> NetworkEdge::start(const NetworkEdgeWorld& world,
                                                        NetworkEdgeOptions options) {
  const io::Loop::Entered here(world.machine.loop());
  std::unique_ptr<NetworkEdge> process(new NetworkEdge(world, std::move(options)));
  TDN_TRY_VOID(process->set_up());
  return process;
}

Result<void> NetworkEdge::set_up() {
  MachineClock& clock = world_.machine.clock();
  TDN_TRY(books_, books::BooksService::open(options_.books, world_.disk, clock, world_.random));
  snapshots_ = std::make_unique<agent::SnapshotStore>(world_.disk, options_.books.state_dir);
  TDN_TRY_VOID(snapshots_->open(options_.control_key));

  shard_ = &books_->add_shard(loop_.mailbox());
  loop_.add_turn_hook(*shard_);
  writer_ =
      std::make_unique<JournalDriver>(world_.poller, world_.random, world_.trace, books_->writer(),
                                      options_.disk, [this](const Error&) { failed_ = true; });
  link_ = std::make_unique<io::DialLink>(world_.machine.host(), dial_);
  seen_ = std::make_unique<protocol::SeenTokens>(kSeenBucketsLog2);
  membership_.emplace(gateway::Membership{*link_, time_, *seen_, clock.now()});
  agent_ = std::make_unique<agent::Agent>(agent::AgentParts{.loop = loop_,
                                                            .pool = pool_,
                                                            .link = *link_,
                                                            .disk = world_.disk,
                                                            .clock = clock,
                                                            .random = world_.random,
                                                            .outbox = books_->outbox(),
                                                            .time = time_,
                                                            .host = *this,
                                                            .store = *snapshots_},
                                          agent::AgentOptions{.site = options_.site,
                                                              .edge = books_->identity().edge,
                                                              .version = "simulated",
                                                              .state_dir = options_.books.state_dir,
                                                              .authority = "control",
                                                              .machine_boot = options_.machine_boot,
                                                              .bug = options_.agent_bug},
                                          Secret(options_.node_secret));
  tasks_.spawn(run());
  return {};
}

io::Task<> NetworkEdge::run() {
  const bool has_catalogue = co_await agent_->begin();
  if (has_catalogue && !serve()) {
    failed_ = true;
  }
}

Result<void> NetworkEdge::serve() {
  SimHost& host = world_.machine.host();
  TDN_TRY(auto clients, host.listen(host.address(options_.port), false));
  TDN_TRY(auto peers, host.listen(host.address(options_.peer_port), false));
  gateway::GatewayOptions gateway;
  gateway.bug = options_.gateway_bug;
  gateway.admitting = &admitting_;
  gateway_ = std::make_unique<gateway::Gateway>(loop_, host, world_.random, *shard_, gateway,
                                                &*membership_);
  gateway_->publish(catalogue_);
  peer_handler_ = std::make_unique<gateway::PeerHandler>(*gateway_);
  peer_server_ =
      std::make_unique<http::Server>(loop_, std::move(peers), *peer_handler_, limits_, budget_);
  peer_server_->start();
  peer_prober_ = std::make_unique<gateway::PeerProber>(loop_, *membership_, world_.random);
  peer_prober_->publish(catalogue_);
  peer_prober_->start();
  prober_ = std::make_unique<gateway::Prober>(loop_, host, true);
  prober_->publish(catalogue_);
  prober_->start();
  server_ = std::make_unique<http::Server>(loop_, std::move(clients), *gateway_, limits_, budget_);
  server_->start();
  serving_ = true;
  if (keys_) {
    use_keys(keys_);
  }
  if (hasher_) {
    gateway_->publish(hasher_);
  }
  return {};
}

Uid NetworkEdge::site() const {
  return catalogue_ ? catalogue_->snapshot()[catalogue_->here()].uid : Uid();
}

bool NetworkEdge::quiet() const {
  for (std::uint32_t i = 0; catalogue_ && i < catalogue_->snapshot().endpoints().size(); ++i) {
    if (catalogue_->table().state({i}).in_flight() > 0) {
      return false;
    }
  }
  return writer_->resting();
}

void NetworkEdge::find_control_at(const io::Address& address) {
  dial_[std::string(io::kControlPeer)] = address;
}

io::Task<Result<void>> NetworkEdge::prepare(std::shared_ptr<const domain::Snapshot> snapshot) {
  const std::optional<domain::SiteIndex> here = snapshot->find_site(options_.site);
  if (!here) {
    co_return fail(Code::kWrongSite, "it holds no site " + options_.site);
  }
  TDN_CO_TRY(prepared_, gateway::Catalogue::create(snapshot, *here, catalogue_.get()));
  co_return Result<void>();
}

io::Task<> NetworkEdge::switch_over() {
  catalogue_ = prepared_;
  if (serving_) {
    gateway_->publish(catalogue_);
    prober_->publish(catalogue_);
    peer_prober_->publish(catalogue_);
  }
  co_return;
}

std::vector<protocol::EndpointReport> NetworkEdge::endpoints() {
  std::vector<protocol::EndpointReport> reports;
  if (!catalogue_) {
    return reports;
  }
  const std::vector<domain::Endpoint>& endpoints = catalogue_->snapshot().endpoints();
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].site == catalogue_->here()) {
      const route::EndpointState& state = catalogue_->table().state({i});
      reports.push_back({.uid = endpoints[i].uid,
                         .health = static_cast<protocol::EndpointHealth>(state.health()),
                         .running = state.in_flight(),
                         .waiting = 0,
                         .slots = 0,
                         .tokens_per_second = 0,
                         .ttft_ms = 0});
    }
  }
  return reports;
}

void NetworkEdge::peers_report(const std::vector<protocol::PeerEndpoint>& endpoints) {
  const Instant now = loop_.now();
  for (const protocol::PeerEndpoint& endpoint : endpoints) {
    const auto index =
        catalogue_ ? catalogue_->snapshot().find_endpoint(endpoint.uid) : std::nullopt;
    if (!index || catalogue_->snapshot()[*index].site == catalogue_->here()) {
      continue;
    }
    route::EndpointReport report;
    report.running = endpoint.running;
    report.waiting = endpoint.waiting;
    report.health = endpoint.health == protocol::EndpointHealth::kDown ? route::Health::kDown
                                                                       : route::Health::kUnknown;
    catalogue_->table().state(*index).report(report,
                                             now - std::chrono::milliseconds(endpoint.age_ms), now);
  }
}

void NetworkEdge::use_keys(std::shared_ptr<const protocol::RouteKeys> keys) {
  keys_ = std::move(keys);
  if (serving_) {
    gateway_->publish(keys_);
    peer_prober_->publish(keys_);
  }
}

void NetworkEdge::use_user_secret(const codec::Digest& secret) {
  hasher_ = std::make_shared<const gateway::UserHasher>(ByteView(secret));
  if (serving_) {
    gateway_->publish(hasher_);
  }
}

void NetworkEdge::kill() {
  const io::Loop::Entered here(loop_);
  writer_.reset();
  stopping_.destroy_all();
  tasks_.destroy_all();
  agent_->destroy_all();
  if (serving_) {
    server_->destroy_all();
    peer_server_->destroy_all();
    prober_->destroy_all();
    peer_prober_->destroy_all();
  }
  loop_.remove_turn_hook(*std::exchange(shard_, nullptr));
  server_.reset();
  peer_server_.reset();
  prober_.reset();
  peer_prober_.reset();
  agent_.reset();
  gateway_.reset();
  books_.reset();
  loop_.forget_ready();  // who was woken by another's end is gone by now
}

void NetworkEdge::begin_stop() {
  const io::Loop::Entered here(loop_);
  stopping_.spawn(stop());
}

io::Task<> NetworkEdge::stop() {
  tasks_.cancel();
  static_cast<void>(co_await tasks_.join());
  if (serving_) {
    co_await server_->drain(kGrace);
    co_await prober_->stop();
    co_await peer_server_->drain(kGrace);
    co_await peer_prober_->stop();
    gateway_->close_idle();
  }
  co_await agent_->stop();
  do {  // the turn's end hands over the last settlements
    co_await io::sleep_for(1ms);
  } while (!writer_->resting());
  failed_ |= !books_->writer().close();
  stopped_ = true;
}

}  // namespace tdn::sim
