// `tdn edge`: one site's gateway on all shards, its books, its admin listener.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "app/catalogue.h"
#include "app/edge_shards.h"
#include "app/main_loop.h"
#include "app/roles.h"
#include "base/log.h"
#include "books/writer_thread.h"
#include "gateway/admin.h"
#include "gateway/peer_prober.h"
#include "gateway/prober.h"
#include "local/files.h"
#include "local/reports.h"
#include "local/user_secret.h"

namespace tdn::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGrace = 5s;        // of open streams when it stops
constexpr Duration kFirstProbes = 3s;  // what is not known of an endpoint by then is found later
constexpr Duration kBetweenLooks = 10ms;

constexpr MetricInfo kEndpointUp{"tdn_endpoint_up", MetricKind::kGauge, "endpoints",
                                 "1 while the endpoint counts as able to serve."};
constexpr MetricInfo kLinesLost{"tdn_log_lines_lost_total", MetricKind::kCounter, "lines",
                                "Log lines dropped because the queue was full."};
constexpr MetricInfo kAccepting{"tdn_books_accepting", MetricKind::kGauge, "books",
                                "1 while the disk has room for new requests' records."};

// What was written last may be lost: only replay can tell. The supervisor starts us again.
[[noreturn]] void end_at_once(const Error& error) {
  std::fprintf(stderr, "tdn: the books cannot be written: %s\n", error.detail().c_str());
  std::fflush(stderr);
  ::_exit(EXIT_FAILURE);
}

class EdgeRole final : private gateway::AdminSource {
 public:
  EdgeRole(MainLoop& main, const EdgeCommand& command, books::BooksService& books,
           std::shared_ptr<const gateway::Catalogue> catalogue,
           std::shared_ptr<const gateway::UserHasher> hasher)
      : main_(main),
        command_(command),
        books_(books),
        catalogue_(std::move(catalogue)),
        hasher_(std::move(hasher)),
        shards_(command.shards, main.pool, main.loop, books),
        prober_(main.loop, main.network, command.peers.has_value()),
        link_(main.network, command.dial),
        tasks_(main.loop) {}

  void on_signal(int signal) {
    if (signal == SIGHUP) {
      tasks_.spawn(reload());
    } else {
      stop_.set();
    }
  }

  io::Task<Result<void>> serve() {
    // Shards share the port with each other, so only this finds somebody else's listener there.
    TDN_CO_TRY_VOID(main_.network.listen(command_.listen, false));
    if (command_.peers) {
      TDN_CO_TRY_VOID(main_.network.listen(*command_.peers, false));
    }
    TDN_CO_TRY(std::unique_ptr<io::Listener> listener, main_.network.listen(command_.admin, false));
    http::Server admin(main_.loop, std::move(listener), admin_, limits_, budget_);
    books::WriterThread writer(books_.writer(), system_clock(), end_at_once);
    const EdgePlaces wanted{
        .clients = command_.listen, .peers = command_.peers, .dial = command_.dial};
    const Result<EdgePlaces> places = shards_.start(wanted, catalogue_);
    if (places) {
      if (places->peers) {
        peer_prober_.emplace(main_.loop, *shards_.membership(link_), system_random());
        peer_prober_->publish(catalogue_);
        peer_prober_->start();
      } else {
        shards_.publish(hasher_);
      }
      admin.start();
      prober_.publish(catalogue_);
      prober_.start();
      co_await announce(*places, admin.address());
      co_await stop_.wait();
      log_info("app", "stopping");
      draining_ = true;
      co_await shards_.drain(kGrace);
      co_await prober_.stop();
      if (peer_prober_) {
        co_await peer_prober_->stop();
      }
    }
    writer.stop();
    shards_.stop();
    co_await admin.drain(Duration::zero());
    tasks_.cancel();
    co_await tasks_.join();
    co_return places.map([](const EdgePlaces&) {});
  }

 private:
  io::Task<> announce(const EdgePlaces& places, io::Address admin) {
    const Instant begin = main_.loop.now();
    while (!all_probed() && main_.loop.now() < begin + kFirstProbes && !stop_.is_set()) {
      co_await io::sleep_for(kBetweenLooks);
    }
    const local::EdgeReport report{
        .gateway = "http://" + to_string(places.clients),
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

  io::Task<> reload() {
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
    catalogue_ = *std::move(loaded);
    shards_.publish(catalogue_);
    prober_.publish(catalogue_);
    if (peer_prober_) {
      peer_prober_->publish(catalogue_);
    }
    log_info("app", "manifests reloaded");
  }

 public:
  static CatalogueSource source_of(const EdgeCommand& command) {
    return {.manifests = command.manifests,
            .site = command.site,
            .identities = command.state + "/uids.json"};
  }

 private:
  [[nodiscard]] std::size_t endpoints_in(route::Health health, bool own_only) const {
    const std::vector<domain::Endpoint>& endpoints = catalogue_->snapshot().endpoints();
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      const bool counts = !own_only || endpoints[i].site == catalogue_->here();
      count += counts && catalogue_->table().state({i}).health() == health ? 1U : 0U;
    }
    return count;
  }
  [[nodiscard]] bool all_probed() const {
    return endpoints_in(route::Health::kUnknown, command_.peers.has_value()) == 0;
  }

  Result<void> ready() override {
    if (draining_) {
      return fail(Code::kUnavailable, "stopping");
    }
    if (!books_.shard(0).accepting()) {
      return fail(Code::kNoSpace, "the disk has no room for more records: free some");
    }
    if (endpoints_in(route::Health::kUp, false) == 0) {
      return fail(Code::kUnavailable, "no endpoint is up");
    }
    return {};
  }

  io::Task<std::string> metrics() override {
    std::vector<Sample> samples;
    if (!draining_) {
      samples = co_await shards_.samples();
    }
    const std::vector<domain::Endpoint>& endpoints = catalogue_->snapshot().endpoints();
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      const bool up = catalogue_->table().state({i}).health() == route::Health::kUp;
      samples.emplace_back(kEndpointUp, MetricLabels{{"endpoint", endpoints[i].name}},
                           up ? 1.0 : 0.0);
    }
    samples.emplace_back(kLinesLost, MetricLabels{}, static_cast<double>(log_lines_lost()));
    samples.emplace_back(kAccepting, MetricLabels{}, books_.shard(0).accepting() ? 1.0 : 0.0);
    co_return render(samples);
  }

  MainLoop& main_;
  const EdgeCommand& command_;
  books::BooksService& books_;
  std::shared_ptr<const gateway::Catalogue> catalogue_;
  const std::shared_ptr<const gateway::UserHasher> hasher_;
  EdgeShards shards_;
  gateway::Prober prober_;
  io::DialLink link_;
  std::optional<gateway::PeerProber> peer_prober_;  // in a network
  gateway::Admin admin_{*this};
  const http::ServerLimits limits_;
  http::BodyBudget budget_;
  io::TaskGroup tasks_;
  io::Event stop_;
  bool draining_ = false;
};

// As many descriptors as we may have: each client is one, and each engine connection.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);  // if not, the soft limit it is
  }
}

}  // namespace

Result<void> run(const EdgeCommand& asked) {
  EdgeCommand command = asked;
  if (command.shards == 0) {
    command.shards = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  }
  if (!command.ready_file.empty()) {
    // Whoever waits for the file would wait for ever: better no start.
    const std::string trial = command.ready_file + ".trial";
    TDN_TRY_VOID(local::write_private(trial, ""));
    local::remove_file(trial);
    local::remove_file(command.ready_file);
  }
  raise_descriptor_limit();
  const Logging logging(LogLevel::kInfo);
  const books::BooksOptions options{.state_dir = command.state,
                                    .segment_bytes = static_cast<std::uint64_t>(command.segment_mib)
                                                     << 20U};
  TDN_TRY(const std::unique_ptr<books::BooksService> books,
          books::BooksService::open(options, io::system_disk(), system_clock(), system_random()));
  TDN_TRY(std::shared_ptr<const gateway::Catalogue> catalogue,
          load_catalogue(EdgeRole::source_of(command), nullptr));
  MainLoop main;
  TDN_TRY(const codec::Digest secret, local::open_user_secret(command.state, system_random()));
  EdgeRole role(main, command, *books, std::move(catalogue),
                std::make_shared<const gateway::UserHasher>(ByteView(secret)));
  return main.run(role.serve(), {SIGINT, SIGTERM, SIGHUP},
                  [&role](int signal) { role.on_signal(signal); });
}

}  // namespace tdn::app
