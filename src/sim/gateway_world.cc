#include "sim/gateway_world.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "codec/hex.h"
#include "domain/api_key.h"
#include "domain/load.h"
#include "domain/snapshot.h"
#include "sim/checker.h"
#include "sim/client.h"
#include "sim/edge_process.h"
#include "sim/engine.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kEnginePort = 8000;
constexpr std::uint16_t kGatewayPort = 8080;
constexpr const char* kState = "edge";
// A story that is not over by then has found something that hangs.
constexpr std::uint64_t kMostEvents = 400'000;
// A crash that may fall anywhere falls within so many events.
constexpr std::uint64_t kCrashHorizon = 3000;

constexpr std::string_view kManifests = R"(apiVersion: tdn/v1
kind: Site
metadata: {{name: here}}
spec:
  location: {{country: DE, city: Frankfurt, latitude: 50.11, longitude: 8.68}}
  jurisdiction: {{operator: example}}
---
apiVersion: tdn/v1
kind: Model
metadata: {{name: smollm2}}
spec: {{price: {{currency: USD, perMillion: {{input: "0.02", cachedInput: "0.005", output: "0.04"}}}}}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: first}}
spec: {{site: here, kind: tdn, url: "http://{}", models: [{{model: smollm2}}]}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: second}}
spec: {{site: here, kind: openai, url: "http://{}", models: [{{model: smollm2}}]}}
---
apiVersion: tdn/v1
kind: Tenant
metadata: {{name: demo}}
---
apiVersion: tdn/v1
kind: Project
metadata: {{name: demo/playground}}
---
apiVersion: tdn/v1
kind: Key
metadata: {{name: demo/playground/laptop}}
spec:
  limits: {{concurrency: {}}}
  secrets: [{{id: {}, sha256: "{}"}}]
)";

class World {
 public:
  explicit World(const GatewayStory& story)
      : random_(story.seed), trace_(clock_, story.print), bug_(story.bug) {
    draw_links();
    draw_engines();
    draw_catalogue();
    draw_clients();
  }

  GatewayOutcome run() {
    for (int life = 0; life < 2 && outcome_.violations.empty() && !over(); ++life) {
      live(life == 0 || random_.below(2) == 0);
    }
    tear_down();
    judge();
    outcome_.counts.events = poller_.events();
    outcome_.trace = trace_.finish();
    return std::move(outcome_);
  }

 private:
  [[nodiscard]] std::uint64_t one_of(std::initializer_list<std::uint64_t> values) {
    return values.begin()[random_.below(values.size())];
  }
  [[nodiscard]] Duration up_to(Duration most) {
    return Duration(random_.below(static_cast<std::uint64_t>(most.count())));
  }

  void draw_links() {
    for (SimHost* engine : engine_hosts_) {
      network_.set_link(edge_host_, *engine, draw_link(2ms));
    }
  }
  LinkOptions draw_link(Duration slowest) {
    return {.latency = 50us + up_to(slowest),
            .jitter = 1us + up_to(slowest),
            .piece = one_of({1460, 1460, 300, 40}),
            .cut_percent = random_.below(60)};
  }

  void draw_engines() {
    const EngineOptions options{.first_token = up_to(10ms) + 1us,
                                .token = up_to(4ms) + 1us,
                                .most_tokens = one_of({4, 24, 24, 600}),
                                .fault_percent = one_of({0, 15, 60}),
                                .idle = up_to(1s) + 1us};
    for (SimHost* host : engine_hosts_) {
      engines_.push_back(std::make_unique<SimEngine>(loop_, *host, host->address(kEnginePort),
                                                     random_, trace_, options));
      engines_.back()->start();
    }
  }

  void draw_catalogue() {
    const domain::NewApiKey key = domain::make_api_key(random_);
    key_ = key.text;
    const domain::Source source{
        "world.yaml",
        fmt::format(kManifests, to_string(engine_hosts_[0]->address(kEnginePort)),
                    to_string(engine_hosts_[1]->address(kEnginePort)), one_of({0, 0, 0, 2}),
                    key.id.to_string(), codec::to_hex(key.sha256))};
    const Result<domain::Manifests> manifests = domain::parse_manifests(std::span(&source, 1));
    TDN_ASSERT(manifests.has_value());
    domain::Identities identities;
    domain::update(identities, *manifests, clock_.wall(), random_);
    edge_options_ = {
        .snapshot = domain::Snapshot::compile(*manifests, identities),
        .site = "here",
        .port = kGatewayPort,
        .books = {.state_dir = kState, .segment_bytes = one_of({65'536, 262'144}), .bug = bug_},
        .disk = {.write = 1us + up_to(200us),
                 .sync = 1us + Duration(one_of({400'000, 3'000'000, 12'000'000}))}};
  }

  void draw_clients() {
    const std::uint64_t count = 2 + random_.below(6);
    for (std::uint64_t i = 0; i < count; ++i) {
      SimHost& host = network_.add_host(fmt::format("client-{}", i));
      network_.set_link(edge_host_, host, draw_link(5ms));
      client_hosts_.push_back(&host);
      const ClientOptions options{.key = key_, .most_requests = 1 + random_.below(8)};
      clients_.push_back(std::make_unique<SimClient>(loop_, host, edge_host_.address(kGatewayPort),
                                                     fmt::format("c{}", i), random_, trace_,
                                                     options));
      clients_.back()->start();
    }
  }

  [[nodiscard]] bool over() const {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->finished(); });
  }

  // Until nobody is about to run and nothing is due: the only place where a process may be killed.
  void quiesce() {
    while (loop_.run_once(loop_.now())) {
    }
  }

  void violate(std::string what) { outcome_.violations.push_back(std::move(what)); }

  // The edge starts, serves, and dies or stops.
  void live(bool to_crash) {
    network_.set_power(edge_host_, true);
    auto edge = EdgeProcess::start({clock_, random_, trace_, poller_, loop_, edge_host_, disk_},
                                   edge_options_);
    if (!edge) {
      violate("the edge does not start: " + to_string(edge.error()));
      return;
    }
    edge_ = std::move(*edge);
    if (to_crash) {
      draw_crash();
    }
    std::uint64_t next_trouble = poller_.events() + random_.below(1500);
    while (!over() && !edge_->failed() && !(to_crash && crash_is_due())) {
      loop_.run_once(kNever);
      if (poller_.events() >= next_trouble) {
        make_trouble();
        next_trouble = poller_.events() + 1 + random_.below(3000);
      }
      if (poller_.events() >= kMostEvents) {
        violate("the story does not end");
        break;
      }
    }
    if (edge_->failed()) {
      violate("the books failed on a healthy disk");
    }
    to_crash ? crash() : stop();
  }

  // At any event; every other time not before some client has just seen a finish, the moment that
  // the books are about.
  void draw_crash() {
    const bool aimed = random_.below(2) == 0;
    crash_after_finishes_ = aimed ? finishes() + 1 + random_.below(6) : 0;
    crash_delay_ = aimed ? random_.below(4) : 1 + random_.below(kCrashHorizon);
    crash_at_event_ = poller_.events() + crash_delay_;
  }
  [[nodiscard]] bool crash_is_due() {
    if (finishes() < crash_after_finishes_) {
      crash_at_event_ = poller_.events() + crash_delay_;
      return false;
    }
    return poller_.events() >= crash_at_event_;
  }
  [[nodiscard]] std::uint64_t finishes() const {
    std::uint64_t sum = 0;
    for (const auto& client : clients_) {
      sum += client->finishes();
    }
    return sum;
  }

  void make_trouble() {
    SimHost& engine = *engine_hosts_[random_.below(engine_hosts_.size())];
    SimHost& client = *client_hosts_[random_.below(client_hosts_.size())];
    switch (random_.below(5)) {
      case 0:
        network_.cut(edge_host_, engine, up_to(3s));
        break;
      case 1:
        network_.cut(edge_host_, client, up_to(3s));
        break;
      case 2:
        network_.reset(edge_host_, engine);
        break;
      case 3:
        network_.reset(edge_host_, client);
        break;
      default:
        fill_disk();
        break;
    }
  }

  // For a while there is no room for another segment.
  void fill_disk() {
    trace_.note("full", disk_.used());
    disk_.set_capacity(disk_.used());
    poller_.after(up_to(3s), [this] { disk_.set_capacity(UINT64_MAX); });
  }

  void crash() {
    quiesce();
    const bool power_loss = random_.below(2) == 0;
    trace_.note("crash", power_loss ? 1 : 0);
    ++outcome_.counts.crashes;
    outcome_.counts.power_losses += power_loss ? 1 : 0;
    if (power_loss) {
      network_.set_power(edge_host_, false);
    }
    edge_->kill();
    edge_.reset();
    disk_.crash(random_, !power_loss);
    disk_.set_capacity(UINT64_MAX);
    // The clients hear what was under way, and see what a dead edge looks like.
    const Instant back = clock_.now() + up_to(100ms);
    while (clock_.now() < back) {
      loop_.run_once(back);
    }
  }

  void stop() {
    edge_->begin_stop();
    while (!edge_->stopped() && poller_.events() < 2 * kMostEvents) {
      loop_.run_once(kNever);
    }
    quiesce();
    edge_->kill();
    edge_.reset();
    stopped_in_order_ = true;
  }

  void tear_down() {
    if (edge_ != nullptr) {
      quiesce();
      edge_->kill();
      edge_.reset();
    }
    // Clients hear out what is still under way, for as long as they have patience.
    while (!over() && outcome_.violations.empty()) {
      loop_.run_once(kNever);
    }
    for (const auto& client : clients_) {
      client->stop();
    }
    for (const auto& engine : engines_) {
      engine->stop();
    }
    quiesce();
  }

  void judge() {
    auto service = books::BooksService::open(edge_options_.books, disk_, clock_, random_);
    if (!service) {
      violate("recovery fails: " + to_string(service.error()));
      return;
    }
    if (stopped_in_order_ && (*service)->journal().orphans() > 0) {
      violate("there are orphans after an orderly stop");
    }
    const Result<ReplayedJournal> journal = read_journal(disk_, kState);
    if (!journal) {
      violate("replay fails: " + to_string(journal.error()));
      return;
    }
    const domain::Prices& prices = edge_options_.snapshot->models().front().prices;
    Testimony testimony;
    testimony.journal = &*journal;
    testimony.price = {prices.currency, prices.input, prices.cached_input, prices.output};
    for (const auto& client : clients_) {
      for (const Told& told : client->told()) {
        testimony.told.push_back(&told);
        count(told);
      }
    }
    for (const auto& engine : engines_) {
      for (const auto& [mark, attempts] : engine->attempts()) {
        for (const EngineAttempt& attempt : attempts) {
          testimony.attempts.push_back(&attempt);
        }
      }
    }
    for (const ReplayedRecord& record : journal->records) {
      ++outcome_.counts.records;
      outcome_.counts.orphans += record.record.end == meter::End::kOrphan ? 1 : 0;
      trace_.note("record", record.record.seq, static_cast<std::uint64_t>(record.record.end),
                  text_of(record.hash));
    }
    for (std::string& violation : find_violations(testimony)) {
      violate(std::move(violation));
    }
  }

  void count(const Told& told) {
    ++outcome_.counts.requests;
    outcome_.counts.finishes += told.finish ? 1 : 0;
    outcome_.counts.cut_answers += told.status == 200 && !told.finish ? 1 : 0;
    outcome_.counts.refusals += told.status >= 400 ? 1 : 0;
  }

  ManualClock clock_;
  SeededRandom random_;
  Trace trace_;
  const books::PlantedBug bug_;
  SimPoller poller_{clock_};
  io::Loop loop_{clock_, poller_};
  SimNetwork network_{poller_, random_, trace_};
  SimHost& edge_host_ = network_.add_host("edge");
  std::array<SimHost*, 2> engine_hosts_{&network_.add_host("engine-1"),
                                        &network_.add_host("engine-2")};
  std::vector<SimHost*> client_hosts_;
  io::MemoryDisk disk_;
  EdgeOptions edge_options_;
  std::string key_;
  std::vector<std::unique_ptr<SimEngine>> engines_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<EdgeProcess> edge_;
  std::uint64_t crash_at_event_ = 0;
  std::uint64_t crash_delay_ = 0;
  std::uint64_t crash_after_finishes_ = 0;
  bool stopped_in_order_ = false;
  GatewayOutcome outcome_;
};

}  // namespace

GatewayCounts& GatewayCounts::operator+=(const GatewayCounts& other) {
  events += other.events;
  requests += other.requests;
  finishes += other.finishes;
  records += other.records;
  orphans += other.orphans;
  cut_answers += other.cut_answers;
  refusals += other.refusals;
  crashes += other.crashes;
  power_losses += other.power_losses;
  return *this;
}

GatewayOutcome run(const GatewayStory& story) { return World(story).run(); }

}  // namespace tdn::sim
