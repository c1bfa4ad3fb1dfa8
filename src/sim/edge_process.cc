#include "sim/edge_process.h"

#include <utility>

#include "base/assert.h"
#include "gateway/catalogue.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGrace = 5s;
constexpr std::size_t kSeenBucketsLog2 = 8;  // stories are short

}  // namespace

EdgeProcess::EdgeProcess(const EdgeWorld& world) : world_(world), stopping_(world.loop) {}

EdgeProcess::~EdgeProcess() { TDN_ASSERT(shard_ == nullptr); }

Result<std::unique_ptr<EdgeProcess>> EdgeProcess::start(const EdgeWorld& world,
                                                        const EdgeOptions& options) {
  std::unique_ptr<EdgeProcess> process(new EdgeProcess(world));
  TDN_TRY_VOID(process->set_up(options));
  return process;
}

Result<void> EdgeProcess::set_up(const EdgeOptions& options) {
  TDN_TRY(books_,
          books::BooksService::open(options.books, world_.disk, world_.clock, world_.random));
  const std::optional<domain::SiteIndex> here = options.snapshot->find_site(options.site);
  TDN_ASSERT(here.has_value());
  TDN_TRY(const auto catalogue, gateway::Catalogue::create(options.snapshot, *here, nullptr));
  TDN_TRY(auto listener, world_.host.listen(world_.host.address(options.port), false));

  shard_ = &books_->add_shard(world_.loop.mailbox());
  world_.loop.add_turn_hook(*shard_);
  writer_ =
      std::make_unique<JournalDriver>(world_.poller, world_.random, world_.trace, books_->writer(),
                                      options.disk, [this](const Error&) { failed_ = true; });
  gateway::GatewayOptions gateway_options;
  if (options.network) {
    dial_ = options.network->dial;
    link_ = std::make_unique<io::DialLink>(world_.host, dial_);
    seen_ = std::make_unique<protocol::SeenTokens>(kSeenBucketsLog2);
    membership_.emplace(gateway::Membership{*link_, time_, *seen_, world_.clock.now()});
    gateway_options.bug = options.network->bug;
  }
  gateway_ =
      std::make_unique<gateway::Gateway>(world_.loop, world_.host, world_.random, *shard_,
                                         gateway_options, membership_ ? &*membership_ : nullptr);
  gateway_->publish(catalogue);
  if (options.network) {
    TDN_TRY_VOID(join(*options.network, catalogue));
  }
  prober_ =
      std::make_unique<gateway::Prober>(world_.loop, world_.host, options.network.has_value());
  prober_->publish(catalogue);
  prober_->start();
  server_ =
      std::make_unique<http::Server>(world_.loop, std::move(listener), *gateway_, limits_, budget_);
  server_->start();
  return {};
}

Result<void> EdgeProcess::join(const EdgeNetwork& network,
                               const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  TDN_TRY(auto listener, world_.host.listen(world_.host.address(network.port), false));
  gateway_->publish(network.keys);
  peer_handler_ = std::make_unique<gateway::PeerHandler>(*gateway_);
  peer_server_ = std::make_unique<http::Server>(world_.loop, std::move(listener), *peer_handler_,
                                                limits_, budget_);
  peer_server_->start();
  peer_prober_ = std::make_unique<gateway::PeerProber>(world_.loop, *membership_, world_.random);
  peer_prober_->publish(catalogue);
  peer_prober_->publish(network.keys);
  peer_prober_->start();
  return {};
}

void EdgeProcess::kill() {
  writer_.reset();
  stopping_.destroy_all();
  server_->destroy_all();
  prober_->destroy_all();
  if (peer_server_) {
    peer_server_->destroy_all();
    peer_prober_->destroy_all();
  }
  world_.loop.remove_turn_hook(*std::exchange(shard_, nullptr));
  server_.reset();
  prober_.reset();
  peer_server_.reset();
  peer_prober_.reset();
  gateway_.reset();
  books_.reset();
}

void EdgeProcess::begin_stop() { stopping_.spawn(stop()); }

io::Task<> EdgeProcess::stop() {
  co_await server_->drain(kGrace);
  co_await prober_->stop();
  if (peer_server_) {
    co_await peer_server_->drain(kGrace);
    co_await peer_prober_->stop();
  }
  gateway_->close_idle();
  do {  // the turn's end hands over the last settlements
    co_await io::sleep_for(1ms);
  } while (!writer_->resting());
  failed_ |= !books_->writer().close();
  stopped_ = true;
}

}  // namespace tdn::sim
