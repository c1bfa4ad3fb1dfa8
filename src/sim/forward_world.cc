#include "sim/forward_world.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "codec/hex.h"
#include "domain/api_key.h"
#include "domain/identity.h"
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
constexpr std::uint16_t kPeerPort = 8083;
constexpr const char* kState = "edge";
constexpr std::uint64_t kMostEvents = 600'000;
constexpr std::uint64_t kCrashHorizon = 4000;

constexpr std::string_view kManifests = R"(apiVersion: tdn/v1
kind: Site
metadata: {{name: frankfurt}}
spec: {{location: {{country: DE, city: F, latitude: 50.11, longitude: 8.68}}, owner: accounts/f}}
---
apiVersion: tdn/v1
kind: Site
metadata: {{name: paris}}
spec: {{location: {{country: FR, city: P, latitude: 48.86, longitude: 2.35}}, owner: accounts/p}}
---
apiVersion: tdn/v1
kind: Model
metadata: {{name: smollm2}}
spec: {{price: {{currency: USD, perMillion: {{input: "0.02", cachedInput: "0.005", output: "0.04"}}}}}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: f}}
spec: {{site: frankfurt, kind: tdn, url: "http://{}", models: [{{model: smollm2}}], concurrency: {}}}
---
apiVersion: tdn/v1
kind: Endpoint
metadata: {{name: p}}
spec: {{site: paris, kind: openai, url: "http://{}", models: [{{model: smollm2}}]}}
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
  secrets: [{{id: {}, sha256: "{}"}}]
)";

constexpr std::string_view kFence = R"(---
apiVersion: tdn/v1
kind: Zone
metadata: {name: de}
spec: {countries: [DE]}
---
apiVersion: tdn/v1
kind: Policy
metadata: {name: fence}
spec: {rules: [{match: {tenants: [demo]}, require: {zones: [de]}}]}
)";

// One edge of the story, its machine and whoever is near it.
struct Side {
  std::string site;
  Uid edge;
  SimHost* host = nullptr;
  SimHost* engine_host = nullptr;
  io::MemoryDisk disk{};
  EdgeOptions options{};
  std::unique_ptr<EdgeProcess> process{};
  std::unique_ptr<SimEngine> engine{};
  std::vector<std::unique_ptr<SimClient>> clients{};
  ReplayedJournal journal{};
};

class World {
 public:
  explicit World(const ForwardStory& story)
      : random_(story.seed), trace_(clock_, story.print), bug_(story.bug) {
    for (const char* site : {"frankfurt", "paris"}) {
      Side& side = sides_[site[0] == 'p' ? 1 : 0];
      side.site = site;
      side.edge = Uid::make(clock_.wall(), random_);
      side.host = &network_.add_host(site);
      side.engine_host = &network_.add_host(std::string(site) + "-engine");
    }
    draw_links();
    draw_catalogue();
    for (Side& side : sides_) {
      draw_engine(side);
      draw_clients(side);
    }
  }

  ForwardOutcome run() {
    for (Side& side : sides_) {
      start(side);
    }
    live();
    tear_down();
    judge();
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
  LinkOptions draw_link(Duration slowest) {
    return {.latency = 50us + up_to(slowest),
            .jitter = 1us + up_to(slowest),
            .piece = one_of({1460, 1460, 300, 40}),
            .cut_percent = random_.below(60)};
  }

  void draw_links() {
    network_.set_link(*sides_[0].host, *sides_[1].host, draw_link(8ms));
    for (const Side& side : sides_) {
      network_.set_link(*side.host, *side.engine_host, draw_link(2ms));
    }
  }

  void draw_engine(Side& side) {
    const EngineOptions options{.first_token = up_to(10ms) + 1us,
                                .token = up_to(4ms) + 1us,
                                .most_tokens = one_of({4, 24, 24, 300}),
                                .fault_percent = one_of({0, 15, 60}),
                                .idle = up_to(1s) + 1us};
    side.engine = std::make_unique<SimEngine>(
        loop_, *side.engine_host, side.engine_host->address(kEnginePort), random_, trace_, options);
    side.engine->start();
  }

  // Now and then Paris knows already that policy keeps the tenant's requests at Frankfurt, while
  // Frankfurt does not know it yet.
  [[nodiscard]] std::shared_ptr<const domain::Snapshot> compile(const std::string& text) {
    const domain::Source source{"world.yaml", text};
    const Result<domain::Manifests> manifests = domain::parse_manifests(std::span(&source, 1));
    TDN_ASSERT(manifests.has_value());
    domain::update(identities_, *manifests, clock_.wall(), random_);
    return domain::Snapshot::compile(*manifests, identities_);
  }

  void draw_catalogue() {
    const domain::NewApiKey key = domain::make_api_key(random_);
    key_ = key.text;
    // Little room at Frankfurt sends some to Paris even if all are well.
    const std::string text =
        fmt::format(kManifests, to_string(sides_[0].engine_host->address(kEnginePort)),
                    one_of({1, 1, 2, 64}), to_string(sides_[1].engine_host->address(kEnginePort)),
                    key.id.to_string(), codec::to_hex(key.sha256));
    fenced_ = random_.below(5) == 0;
    snapshot_ = compile(text);
    const auto at_paris = fenced_ ? compile(text + std::string(kFence)) : snapshot_;
    const std::vector<protocol::RouteKeyGrant> grants{
        {"k1", 1, sides_[0].edge, sides_[1].edge, {1}},
        {"k1", 1, sides_[1].edge, sides_[0].edge, {2}}};
    const std::vector<protocol::PeerEdge> edges{{sides_[0].site, sides_[0].edge},
                                                {sides_[1].site, sides_[1].edge}};
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      const Side& other = sides_[1 - i];
      sides_[i].options = {
          .snapshot = i == 0 ? snapshot_ : at_paris,
          .site = sides_[i].site,
          .port = kGatewayPort,
          .books = {.state_dir = kState, .segment_bytes = 65'536},
          .disk = {.write = 1us + up_to(200us),
                   .sync = 1us + Duration(one_of({400'000, 3'000'000, 12'000'000}))},
          .network =
              EdgeNetwork{.port = kPeerPort,
                          .dial = {{other.site, other.host->address(kPeerPort)}},
                          .keys = *protocol::RouteKeys::create(sides_[i].edge, grants, edges),
                          .bug = bug_}};
    }
  }

  void draw_clients(Side& side) {
    const bool nobody = fenced_ && side.site == "paris";
    const std::uint64_t count = nobody ? 0 : 1 + random_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      SimHost& host = network_.add_host(fmt::format("{}-client-{}", side.site, i));
      network_.set_link(*side.host, host, draw_link(5ms));
      const ClientOptions options{.key = key_, .most_requests = 1 + random_.below(8)};
      side.clients.push_back(std::make_unique<SimClient>(
          loop_, host, side.host->address(kGatewayPort), fmt::format("{}{}", side.site[0], i),
          random_, trace_, options));
      side.clients.back()->start();
    }
  }

  void violate(std::string what) { outcome_.violations.push_back(std::move(what)); }

  void start(Side& side) {
    network_.set_power(*side.host, true);
    auto process = EdgeProcess::start(
        {clock_, random_, trace_, poller_, loop_, *side.host, side.disk}, side.options);
    if (!process) {
      violate(side.site + " does not start: " + to_string(process.error()));
      return;
    }
    side.process = std::move(*process);
  }

  [[nodiscard]] bool over() const {
    for (const Side& side : sides_) {
      for (const auto& client : side.clients) {
        if (!client->finished()) {
          return false;
        }
      }
    }
    return true;
  }

  void live() {
    const std::uint64_t crash_at = 1 + random_.below(kCrashHorizon);
    bool crashed = false;
    // A token sent twice takes a reset between its arrival and the first sign of life: rare, unless
    // resets are not.
    const std::uint64_t pace = one_of({2000, 500, 60});  // events from trouble to trouble, at most
    std::uint64_t next_trouble = random_.below(pace);
    while (!over() && outcome_.violations.empty()) {
      loop_.run_once(kNever);
      if (poller_.events() >= next_trouble) {
        make_trouble();
        next_trouble = poller_.events() + 1 + random_.below(pace);
      }
      if (!crashed && poller_.events() >= crash_at) {
        crashed = true;
        crash(sides_[random_.below(2)]);
      }
      if (poller_.events() >= kMostEvents) {
        violate("the story does not end");
      }
    }
  }

  void make_trouble() {
    Side& side = sides_[random_.below(2)];
    switch (random_.below(6)) {
      case 0:
        network_.cut(*sides_[0].host, *sides_[1].host, up_to(3s));
        break;
      case 1:
        network_.cut(*side.host, *side.engine_host, up_to(3s));
        break;
      case 2:
        network_.reset(*side.host, *side.engine_host);
        break;
      default:
        network_.reset(*sides_[0].host, *sides_[1].host);
        break;
    }
  }

  void quiesce() {
    while (loop_.run_once(loop_.now())) {
    }
  }

  void crash(Side& side) {
    quiesce();
    const bool power_loss = random_.below(2) == 0;
    trace_.note("crash", power_loss ? 1 : 0, 0, side.site);
    ++outcome_.counts.crashes;
    if (power_loss) {
      network_.set_power(*side.host, false);
    }
    side.process->kill();
    side.process.reset();
    side.disk.crash(random_, !power_loss);
    const Instant back = clock_.now() + up_to(100ms);
    while (clock_.now() < back) {
      loop_.run_once(back);
    }
    start(side);
  }

  void tear_down() {
    for (Side& side : sides_) {
      if (side.process == nullptr) {
        continue;
      }
      side.process->begin_stop();
      while (!side.process->stopped() && poller_.events() < 2 * kMostEvents) {
        loop_.run_once(kNever);
      }
      quiesce();
      if (side.process->failed()) {
        violate(side.site + ": the books failed on a healthy disk");
      }
      side.process->kill();
      side.process.reset();
    }
    for (const Side& side : sides_) {
      for (const auto& client : side.clients) {
        client->stop();
      }
      side.engine->stop();
    }
    quiesce();
  }

  void judge() {
    for (Side& side : sides_) {
      judge_alone(side);
    }
    outcome_.counts.fenced += fenced_ ? 1 : 0;
    if (fenced_ && !sides_[1].engine->attempts().empty()) {
      violate("Paris' engine was asked for a request that policy keeps at Frankfurt");
    }
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      judge_hops(sides_[i], sides_[1 - i]);
    }
  }

  void judge_alone(Side& side) {
    auto service = books::BooksService::open(side.options.books, side.disk, clock_, random_);
    Result<ReplayedJournal> journal = read_journal(side.disk, kState);
    if (!service || !journal) {
      violate(side.site + ": " + to_string(service ? journal.error() : service.error()));
      return;
    }
    side.journal = *std::move(journal);
    const domain::Prices& prices = snapshot_->models().front().prices;
    Testimony testimony;
    testimony.journal = &side.journal;
    testimony.price = {prices.currency, prices.input, prices.cached_input, prices.output};
    for (const auto& client : side.clients) {
      for (const Told& told : client->told()) {
        testimony.told.push_back(&told);
        outcome_.counts.finishes += told.finish ? 1 : 0;
      }
    }
    for (const Side& each : sides_) {
      for (const auto& [mark, attempts] : each.engine->attempts()) {
        for (const EngineAttempt& attempt : attempts) {
          testimony.attempts.push_back(&attempt);
        }
      }
    }
    for (const ReplayedRecord& record : side.journal.records) {
      outcome_.counts.orphans += record.record.end == meter::End::kOrphan ? 1 : 0;
      trace_.note("record", record.record.seq, static_cast<std::uint64_t>(record.record.end),
                  text_of(record.hash));
    }
    for (const std::string& violation : find_violations(testimony)) {
      violate(side.site + ": " + violation);
    }
  }

  // What `here` bought, the other sold; what the other sold, `here` bought.
  void judge_hops(const Side& here, const Side& other) {
    std::multimap<std::pair<RequestId, std::uint64_t>, const meter::UsageRecord*> sold;
    for (const ReplayedRecord& each : other.journal.records) {
      if (each.record.side == meter::Side::kSold) {
        sold.emplace(std::pair(each.record.request, each.record.leg), &each.record);
      }
    }
    std::map<RequestId, const meter::UsageRecord*> bought;
    for (const ReplayedRecord& each : here.journal.records) {
      if (each.record.side == meter::Side::kSold) {
        continue;
      }
      bought.emplace(each.record.request, &each.record);
      if (each.record.side == meter::Side::kBought) {
        ++outcome_.counts.bought;
        outcome_.counts.later_legs += each.record.leg > 0 ? 1 : 0;
        judge_bought(each.record,
                     sold.equal_range(std::pair(each.record.request, each.record.leg)));
      }
    }
    for (const auto& [place, record] : sold) {
      ++outcome_.counts.sold;
      if (!bought.contains(record->request)) {
        violate(fmt::format("{} sold request {}, which nobody bought", other.site,
                            to_string(record->request.uid)));
      }
    }
  }

  template <class Range>
  void judge_bought(const meter::UsageRecord& bought, const Range& sold) {
    if (bought.end != meter::End::kComplete) {
      return;
    }
    const std::string request = to_string(bought.request.uid);
    if (std::distance(sold.first, sold.second) != 1) {
      violate(fmt::format("request {} was bought complete and sold {} times", request,
                          std::distance(sold.first, sold.second)));
      return;
    }
    const meter::UsageRecord& other = *sold.first->second;
    const auto estimated = [](const meter::UsageRecord& record) {
      return (record.flags & meter::kEstimated) != 0;
    };
    if (other.end != meter::End::kComplete) {
      violate(fmt::format("request {} was bought complete, its sale ended as {}", request,
                          static_cast<int>(other.end)));
    } else if (!estimated(bought) && !estimated(other) &&
               (bought.reported != other.reported || bought.charged != other.charged)) {
      violate(fmt::format("request {} was bought and sold with different counts", request));
    }
    if (bought.owners != other.owners || bought.serving != other.serving ||
        bought.admitting != other.admitting) {
      violate(fmt::format("request {} was bought and sold by different parties", request));
    }
  }

  ManualClock clock_;
  SeededRandom random_;
  Trace trace_;
  const gateway::PlantedBug bug_;
  SimPoller poller_{clock_};
  io::Loop loop_{clock_, poller_};
  SimNetwork network_{poller_, random_, trace_};
  std::array<Side, 2> sides_;
  std::shared_ptr<const domain::Snapshot> snapshot_;
  domain::Identities identities_;
  std::string key_;
  bool fenced_ = false;
  ForwardOutcome outcome_;
};

}  // namespace

ForwardCounts& ForwardCounts::operator+=(const ForwardCounts& other) {
  finishes += other.finishes;
  bought += other.bought;
  sold += other.sold;
  later_legs += other.later_legs;
  orphans += other.orphans;
  crashes += other.crashes;
  fenced += other.fenced;
  return *this;
}

ForwardOutcome run(const ForwardStory& story) { return World(story).run(); }

}  // namespace tdn::sim
