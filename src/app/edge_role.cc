#include "app/edge_role.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "books/writer_thread.h"
#include "local/files.h"
#include "local/reports.h"

namespace tdn::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGrace = 5s;        // of open streams when it stops
constexpr Duration kFirstProbes = 3s;  // what is not known of an endpoint by then is found later
constexpr Duration kBetweenLooks = 10ms;
constexpr Duration kBetweenLogBatches = 250ms;

constexpr MetricInfo kEndpointUp{"tdn_endpoint_up", MetricKind::kGauge, "endpoints",
                                 "1 while the endpoint counts as able to serve."};
constexpr MetricInfo kLinesLost{"tdn_log_lines_lost_total", MetricKind::kCounter, "lines",
                                "Log lines dropped because the queue was full."};
constexpr MetricInfo kAccepting{"tdn_books_accepting", MetricKind::kGauge, "books",
                                "1 while the disk has room for new requests' records."};
constexpr MetricInfo kRequestsLogged{"tdn_request_log_entries_total", MetricKind::kCounter,
                                     "entries", "Entries written to the request log."};
constexpr MetricInfo kRequestsLost{"tdn_request_log_dropped_total", MetricKind::kCounter, "entries",
                                   "Entries of the request log dropped: no room, or no disk."};

// What was written last may be lost: only replay can tell. The supervisor starts us again.
[[noreturn]] void end_at_once(const Error& error) {
  std::fprintf(stderr, "tdn: the books cannot be written: %s\n", error.detail().c_str());
  std::fflush(stderr);
  ::_exit(EXIT_FAILURE);
}

}  // namespace

EdgeRole::EdgeRole(MainLoop& main, const EdgeCommand& command, books::BooksService& books,
                   requests::RequestLog& log, std::shared_ptr<const gateway::Catalogue> catalogue,
                   std::shared_ptr<const gateway::UserHasher> hasher)
    : main_(main),
      command_(command),
      books_(books),
      log_(log),
      catalogue_(std::move(catalogue)),
      hasher_(std::move(hasher)),
      shards_(command.shards, main.pool, main.loop, books, log,
              std::chrono::seconds(command.stall_seconds)),
      prober_(main.loop, main.network, command.peers.has_value()),
      link_(main.network, command.dial),
      tasks_(main.loop),
      starting_(main.loop) {}

Result<void> EdgeRole::join_network() {
  TDN_TRY(network_, EdgeNetwork::create(main_, command_, books_, shards_));
  return {};
}

void EdgeRole::on_signal(int signal) {
  if (signal != SIGHUP) {
    starting_.cancel();
    stop_.set();
  } else if (network_) {
    tasks_.spawn(network_->reread());
  } else {
    tasks_.spawn(reload());
  }
}

io::Task<Result<void>> EdgeRole::serve() {
  // Shards share the port with each other, so only this finds somebody else's listener there.
  TDN_CO_TRY_VOID(main_.network.listen(command_.listen, false));
  if (command_.peers) {
    TDN_CO_TRY_VOID(main_.network.listen(*command_.peers, false));
  }
  TDN_CO_TRY(std::unique_ptr<io::Listener> listener, main_.network.listen(command_.admin, false));
  http::Server admin(main_.loop, std::move(listener), admin_, limits_, budget_);
  books::WriterThread writer(books_.writer(), system_clock(), end_at_once);
  admin.start();
  if (network_) {
    starting_.spawn(begin_network());
    static_cast<void>(co_await begun_.wait());
    static_cast<void>(co_await starting_.join());
  }
  Result<void> outcome;
  if (catalogue_) {
    outcome = co_await serve_by_catalogue(admin.address());
  }
  if (network_ && has_begun_) {
    co_await network_->stop();
  }
  writer.stop();
  shards_.stop();
  co_await admin.drain(Duration::zero());
  tasks_.cancel();
  co_await tasks_.join();
  note_log_failure(log_.write_batch());
  co_return outcome;
}

// Its end, however it ends, is told by `begun_`.
io::Task<> EdgeRole::begin_network() {
  has_begun_ = true;
  EdgeNetwork::Listeners listeners;
  listeners.catalogue = [this](const auto& catalogue) { publish(catalogue); };
  listeners.keys = [this](const auto& keys) {
    if (peer_prober_) {
      peer_prober_->publish(keys);
    }
  };
  listeners.restart = [this] {
    restarts_ = true;
    starting_.cancel();
    stop_.set();
  };
  const bool has_catalogue = co_await network_->begin(std::move(listeners));
  if (has_catalogue && !stop_.is_set()) {
    catalogue_ = network_->catalogue();
  }
  begun_.set();
}

io::Task<Result<void>> EdgeRole::serve_by_catalogue(io::Address admin) {
  const EdgePlaces wanted{
      .clients = command_.listen, .peers = command_.peers, .dial = command_.dial};
  TDN_CO_TRY(const EdgePlaces places, shards_.start(wanted, catalogue_));
  begin_probing(places);
  tasks_.spawn(write_log());
  if (network_) {
    network_->serve();
  } else if (!places.peers) {
    shards_.publish(hasher_);
  }
  co_await announce(places, admin);
  co_await stop_.wait();
  log_info("app", "stopping");
  draining_ = true;
  co_await shards_.drain(kGrace);
  co_await prober_.stop();
  if (peer_prober_) {
    co_await peer_prober_->stop();
  }
  co_return Result<void>();
}

void EdgeRole::begin_probing(const EdgePlaces& places) {
  if (places.peers) {
    peer_prober_.emplace(main_.loop, *shards_.membership(link_), system_random());
    peer_prober_->publish(catalogue_);
    peer_prober_->start();
  }
  prober_.publish(catalogue_);
  prober_.start();
}

void EdgeRole::publish(const std::shared_ptr<const gateway::Catalogue>& catalogue) {
  catalogue_ = catalogue;
  prober_.publish(catalogue_);
  if (peer_prober_) {
    peer_prober_->publish(catalogue_);
  }
}

io::Task<> EdgeRole::announce(const EdgePlaces& places, io::Address admin) {
  const Instant begin = main_.loop.now();
  while (!all_probed() && main_.loop.now() < begin + kFirstProbes && !stop_.is_set()) {
    co_await io::sleep_for(kBetweenLooks);
  }
  const local::EdgeReport report{.gateway = "http://" + to_string(places.clients),
                                 .admin = "http://" + to_string(admin),
                                 .peers = places.peers ? "http://" + to_string(*places.peers) : "",
                                 .pid = ::getpid()};
  log_info("app", "serving", {{"gateway", report.gateway}, {"admin", report.admin}});
  if (!command_.ready_file.empty()) {
    const Result<void> written =
        local::write_private(command_.ready_file, local::to_json(report) + "\n");
    if (!written) {
      log_error("app", "cannot write the ready file", {{"reason", written.error().detail()}});
    }
  }
}

// Beside the request path: what the shards have told of, in batches, by a thread of the pool.
io::Task<> EdgeRole::write_log() {
  while (co_await io::sleep_for(kBetweenLogBatches) == io::Wake::kReady) {
    if (log_.pending()) {
      std::function<Result<void>()> job = [log = &log_] { return log->write_batch(); };
      note_log_failure(co_await main_.pool.run(std::move(job), main_.loop));
    }
  }
}

// Told once until it works again: a full disk would fill the other log.
void EdgeRole::note_log_failure(const Result<void>& done) {
  if (!done && done.error().code() != Code::kCancelled && !log_failed_) {
    log_error("app", "the request log cannot be written; its entries are dropped",
              {{"reason", done.error().detail()}});
  }
  log_failed_ = !done;
}

io::Task<> EdgeRole::reload() {
  const std::shared_ptr<const gateway::Catalogue> before = catalogue_;
  const CatalogueSource source = source_of(command_);
  std::function<Result<std::shared_ptr<const gateway::Catalogue>>()> job = [source, before] {
    return load_catalogue(source, before.get());
  };
  Result<std::shared_ptr<const gateway::Catalogue>> loaded =
      co_await main_.pool.run(std::move(job), main_.loop);
  if (!loaded) {
    log_error("app", "the manifests were not reloaded; the former ones stay in force",
              {{"reason", loaded.error().detail()}});
    co_return;
  }
  publish(*loaded);
  shards_.publish(catalogue_);
  log_info("app", "manifests reloaded");
}

std::size_t EdgeRole::endpoints_in(route::Health health, bool own_only) const {
  const std::vector<domain::Endpoint>& endpoints = catalogue_->snapshot().endpoints();
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    const bool counts = !own_only || endpoints[i].site == catalogue_->here();
    count += counts && catalogue_->table().state({i}).health() == health ? 1U : 0U;
  }
  return count;
}

bool EdgeRole::all_probed() const {
  return endpoints_in(route::Health::kUnknown, command_.peers.has_value()) == 0;
}

Result<void> EdgeRole::ready() {
  if (draining_) {
    return fail(Code::kUnavailable, "stopping");
  }
  if (!books_.shard(0).accepting()) {
    return fail(Code::kNoSpace, "the disk has no room for more records: free some");
  }
  if (network_) {
    TDN_TRY_VOID(network_->ready());
  }
  if (!catalogue_) {
    return fail(Code::kUnavailable, "starting");
  }
  if (catalogue_->snapshot()[catalogue_->here()].state == domain::SiteState::kDraining) {
    return fail(Code::kUnavailable, "draining");
  }
  if (endpoints_in(route::Health::kUp, false) == 0) {
    return fail(Code::kUnavailable, "no endpoint is up");
  }
  return {};
}

io::Task<std::string> EdgeRole::metrics() {
  std::vector<Sample> samples;
  if (!draining_ && catalogue_) {
    samples = co_await shards_.samples();
  }
  if (catalogue_) {
    const std::vector<domain::Endpoint>& endpoints = catalogue_->snapshot().endpoints();
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      const bool up = catalogue_->table().state({i}).health() == route::Health::kUp;
      samples.emplace_back(kEndpointUp, MetricLabels{{"endpoint", endpoints[i].name}},
                           up ? 1.0 : 0.0);
    }
  }
  if (network_) {
    const std::vector<Sample> of_agent = network_->samples();
    samples.insert(samples.end(), of_agent.begin(), of_agent.end());
  }
  samples.emplace_back(kLinesLost, MetricLabels{}, static_cast<double>(log_lines_lost()));
  samples.emplace_back(kRequestsLogged, MetricLabels{}, static_cast<double>(log_.written()));
  samples.emplace_back(kRequestsLost, MetricLabels{}, static_cast<double>(log_.dropped()));
  samples.emplace_back(kAccepting, MetricLabels{}, books_.shard(0).accepting() ? 1.0 : 0.0);
  co_return render(samples);
}

}  // namespace tdn::app
