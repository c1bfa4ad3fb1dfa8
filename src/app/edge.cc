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
#include "gateway/prober.h"
#include "local/files.h"
#include "local/reports.h"

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
           std::shared_ptr<const gateway::Catalogue> catalogue)
      : main_(main),
        command_(command),
        books_(books),
        catalogue_(std::move(catalogue)),
        shards_(command.shards, main.pool, main.loop, books),
        prober_(main.loop, main.network),
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
    TDN_CO_TRY(std::unique_ptr<io::Listener> listener, main_.network.listen(command_.admin, false));
    http::Server admin(main_.loop, std::move(listener), admin_, limits_, budget_);
    books::WriterThread writer(books_.writer(), system_clock(), end_at_once);
    const Result<io::Address> address = shards_.start(command_.listen, catalogue_);
    if (address) {
      admin.start();
      prober_.publish(catalogue_);
      prober_.start();
      co_await announce(*address, admin.address());
      co_await stop_.wait();
      log_info("app", "stopping");
      draining_ = true;
      co_await shards_.drain(kGrace);
      co_await prober_.stop();
    }
    writer.stop();
    shards_.stop();
    co_await admin.drain(Duration::zero());
    tasks_.cancel();
    co_await tasks_.join();
    co_return address.map([](const io::Address&) {});
  }

 private:
  io::Task<> announce(io::Address gateway, io::Address admin) {
    const Instant begin = main_.loop.now();
    while (!all_probed() && main_.loop.now() < begin + kFirstProbes && !stop_.is_set()) {
      co_await io::sleep_for(kBetweenLooks);
    }
    const local::EdgeReport report{.gateway = "http://" + to_string(gateway),
                                   .admin = "http://" + to_string(admin),
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
    log_info("app", "manifests reloaded");
  }

 public:
  static CatalogueSource source_of(const EdgeCommand& command) {
    return {.manifests = command.manifests,
            .site = command.site,
            .identities = command.state + "/uids.json"};
  }

 private:
  [[nodiscard]] std::size_t endpoints_in(route::Health health) const {
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < catalogue_->snapshot().endpoints().size(); ++i) {
      count += catalogue_->table().state({i}).health() == health ? 1U : 0U;
    }
    return count;
  }
  [[nodiscard]] bool all_probed() const { return endpoints_in(route::Health::kUnknown) == 0; }

  Result<void> ready() override {
    if (draining_) {
      return fail(Code::kUnavailable, "stopping");
    }
    if (!books_.shard(0).accepting()) {
      return fail(Code::kNoSpace, "the disk has no room for more records: free some");
    }
    if (endpoints_in(route::Health::kUp) == 0) {
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
  EdgeShards shards_;
  gateway::Prober prober_;
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
  EdgeRole role(main, command, *books, std::move(catalogue));
  return main.run(role.serve(), {SIGINT, SIGTERM, SIGHUP},
                  [&role](int signal) { role.on_signal(signal); });
}

}  // namespace tdn::app
