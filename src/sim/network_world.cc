#include "sim/network_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "codec/hex.h"
#include "domain/api_key.h"
#include "sim/control_process.h"
#include "sim/detail/network_manifests.h"
#include "sim/network_edge.h"
#include "sim/network_operator.h"
#include "sim/network_rules.h"
#include "sim/old_control.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kEnginePort = 8000;
constexpr std::uint16_t kGatewayPort = 8080;
constexpr std::uint16_t kPeerPort = 8083;
constexpr std::uint16_t kControlPort = 8090;
constexpr const char* kState = "edge";
constexpr const char* kOperatorToken = "the-operators-token-of-the-simulation";
// A story that is not over by then has found something that hangs.
constexpr std::uint64_t kMostEvents = 600'000;
constexpr Duration kHealing = 180s;
constexpr std::uint64_t kBetweenTroubles = 500;  // events, at most

struct Site {
  std::string name;
  Machine* machine = nullptr;
  SimHost* engine_host = nullptr;
  io::MemoryDisk disk{};
  NetworkEdgeOptions options{};
  std::unique_ptr<NetworkEdge> edge{};
  std::unique_ptr<SimEngine> engine{};
  std::uint64_t boots = 0;
  Instant back{};  // after a crash
};

class World {
 public:
  explicit World(const NetworkStory& story)
      : random_(story.seed),
        trace_(clock_, story.print),
        bug_(story.bug),
        people_(machines_.add("people", {})),
        control_machine_(machines_.add("control", draw_wrong_clock())),
        old_control_(people_.loop(), network_.add_host("old-control"), old_control_address()),
        operator_(people_.loop(), people_.host(), trace_,
                  control_machine_.host().address(kControlPort), kOperatorToken) {
    old_control_.start();
    for (std::size_t i = 0; i < kSites.size(); ++i) {
      make_site(sites_[i], kSites[i]);
    }
    draw_links();
    draw_keys();
    draw_clients();
  }

  NetworkOutcome run() {
    begin();
    live();
    heal();
    tear_down();
    judge();
    outcome_.counts.events = poller_.events();
    outcome_.trace = trace_.finish();
    return std::move(outcome_);
  }

 private:
  struct SiteFacts {
    const char* name;
    bool inside;
  };
  static constexpr std::array<SiteFacts, 3> kSites{
      {{"frankfurt", true}, {"paris", false}, {"ashburn", false}}};

  [[nodiscard]] std::uint64_t one_of(std::initializer_list<std::uint64_t> values) {
    return values.begin()[random_.below(values.size())];
  }
  [[nodiscard]] Duration up_to(Duration most) {
    return Duration(random_.below(static_cast<std::uint64_t>(most.count())));
  }
  [[nodiscard]] WrongBy draw_wrong_clock() {
    const auto days = static_cast<std::int64_t>(random_.below(800)) - 400;
    return {.boot_ahead = up_to(20h), .wall_ahead = days * 24h + up_to(1h)};
  }
  static io::Address old_control_address() {
    io::Address address;
    address.ip = {127, 0, 0, 3};
    address.port = kControlPort;
    return address;
  }

  void make_site(Site& site, const SiteFacts& facts) {
    site.name = facts.name;
    site.machine = &machines_.add(facts.name, draw_wrong_clock());
    site.engine_host = &network_.add_host(std::string(facts.name) + "-engine");
    const EngineOptions options{.first_token = up_to(10ms) + 1us,
                                .token = up_to(4ms) + 1us,
                                .most_tokens = one_of({4, 16, 16, 120}),
                                .fault_percent = one_of({0, 15, 50}),
                                .idle = up_to(1s) + 1us};
    site.engine = std::make_unique<SimEngine>(people_.loop(), *site.engine_host,
                                              site.engine_host->address(kEnginePort), random_,
                                              trace_, options);
    site.engine->start();
    rules_.add({facts.name, facts.inside, site.engine.get()});
  }

  LinkOptions draw_link(Duration slowest) {
    return {.latency = 50us + up_to(slowest),
            .jitter = 1us + up_to(slowest),
            .piece = one_of({1460, 1460, 4000, 300}),
            .cut_percent = random_.below(40)};
  }
  void draw_links() {
    for (const Site& site : sites_) {
      network_.set_link(site.machine->host(), *site.engine_host, draw_link(2ms));
      network_.set_link(site.machine->host(), control_machine_.host(), draw_link(20ms));
      for (const Site& other : sites_) {
        if (&site < &other) {
          network_.set_link(site.machine->host(), other.machine->host(), draw_link(8ms));
        }
      }
    }
  }

  void draw_keys() {
    disk_.secrets = control::rotated({}, random_);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      keys_[i] = domain::make_api_key(random_);
    }
    for (Site& site : sites_) {
      std::string secret;
      while (secret.size() < 43) {
        secret += static_cast<char>('a' + random_.below(26));
      }
      disk_.nodes.add(site.name, secret);
      site.options = {.site = site.name,
                      .port = kGatewayPort,
                      .peer_port = kPeerPort,
                      .dial = dial_of(site),
                      .node_secret = secret,
                      .control_key = disk_.signing_key.public_key(),
                      .machine_boot = "boot-" + site.name,
                      .books = {.state_dir = kState, .segment_bytes = 65'536},
                      .disk = {.write = 1us + up_to(200us),
                               .sync = 1us + Duration(one_of({400'000, 3'000'000, 12'000'000}))}};
      plant(site.options);
    }
  }
  [[nodiscard]] io::DialMap dial_of(const Site& site) {
    io::DialMap dial;
    dial[std::string(io::kControlPeer)] = control_machine_.host().address(kControlPort);
    for (const Site& other : sites_) {
      if (&other != &site) {
        dial[other.name] = other.machine->host().address(kPeerPort);
      }
    }
    return dial;
  }
  void plant(NetworkEdgeOptions& options) const {
    switch (bug_) {
      case NetworkBug::kSettleBeforeJournal:
        options.books.bug = books::PlantedBug::kReleaseBeforeSync;
        break;
      case NetworkBug::kRetryAfterFirstByte:
        options.gateway_bug = gateway::PlantedBug::kRetryAfterFirstByte;
        break;
      case NetworkBug::kFenceNotRechecked:
        options.gateway_bug = gateway::PlantedBug::kFenceNotRechecked;
        break;
      case NetworkBug::kTokenAcceptedTwice:
        options.gateway_bug = gateway::PlantedBug::kTokenAcceptedTwice;
        break;
      case NetworkBug::kStaleSnapshotAccepted:
        options.agent_bug = agent::PlantedBug::kStaleSnapshotAccepted;
        break;
      case NetworkBug::kAckBeforeCommit:
      case NetworkBug::kNone:
        break;
    }
  }

  void draw_clients() {
    for (const Site& site : sites_) {
      const std::uint64_t count = 1 + random_.below(3);
      for (std::uint64_t i = 0; i < count; ++i) {
        SimHost& host = network_.add_host(fmt::format("{}-client-{}", site.name, i));
        network_.set_link(site.machine->host(), host, draw_link(5ms));
        const std::uint64_t tenant = random_.below(3);
        const ClientOptions options{.key = keys_[tenant]->text,
                                    .most_requests = 4 + random_.below(25),
                                    .think = one_of({5, 40, 400}) * 1ms};
        clients_.push_back(std::make_unique<SimClient>(
            people_.loop(), host, site.machine->host().address(kGatewayPort),
            fmt::format("{}{}", site.name[0], i), random_, trace_, options));
        rules_.add({clients_.back().get(), static_cast<Fence>(tenant)});
        client_hosts_.push_back(&host);
      }
    }
  }

  // --- what goes on ---

  void violate(std::string what) { outcome_.violations.push_back(std::move(what)); }

  // One step, and everything that is looked at after each.
  void step() {
    machines_.step();
    if (control_) {
      const control::Snapshot& snapshot = control_->hub().snapshot();
      if (snapshot && snapshot != published_) {
        former_ = std::exchange(published_, snapshot);
        rules_.published(published_->order, is_fenced(*published_));
      }
    }
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      if (sites_[i].edge) {
        rules_.serves_by(i, sites_[i].edge->order(), clock_.now());
      }
    }
    rules_.check(clock_.now());
    tend();
    if (!rules_.violations().empty() && outcome_.violations.empty()) {
      outcome_.violations = rules_.violations();
    }
    if (poller_.events() >= kMostEvents && outcome_.violations.empty()) {
      violate("the story does not end");
    }
  }
  [[nodiscard]] bool well() const { return outcome_.violations.empty(); }

  // Whoever watches over the processes of a machine.
  void tend() {
    for (Site& site : sites_) {
      if (!site.edge) {
        if (site.boots > 0 && clock_.now() >= site.back) {
          start(site);
        }
      } else if (site.edge->failed()) {
        violate(site.name + " failed on a healthy disk");
      } else if (site.edge->wants_restart()) {
        stop(site);
      }
    }
    if (control_ && control_dies_ && acknowledged() > acknowledged_) {
      control_dies_ = false;
      crash_control();
    }
    if (!control_ && clock_.now() >= control_back_) {
      start_control();
    }
  }

  void start_control() {
    network_.set_power(control_machine_.host(), true);
    ControlOptions options{.port = kControlPort,
                           .operator_token = kOperatorToken,
                           .store_time = 100us + up_to(Duration(one_of({1, 8, 80}) * 1ms))};
    if (bug_ == NetworkBug::kAckBeforeCommit) {
      options.bug = store::PlantedBug::kAckBeforeCommit;
    }
    auto control = ControlProcess::start(poller_, random_, control_machine_, disk_, options);
    if (!control) {
      violate("control does not start: " + to_string(control.error()));
      return;
    }
    control_ = std::move(*control);
  }

  void start(Site& site) {
    network_.set_power(site.machine->host(), true);
    ++site.boots;
    auto edge =
        NetworkEdge::start({random_, trace_, poller_, *site.machine, site.disk}, site.options);
    if (!edge) {
      violate(site.name + " does not start: " + to_string(edge.error()));
      return;
    }
    site.edge = std::move(*edge);
  }

  void begin() {
    start_control();
    operator_.apply(manifests());
    const Instant late = clock_.now() + 60s;
    while (well() && !operator_.idle()) {
      step();
    }
    for (Site& site : sites_) {
      start(site);
    }
    while (well() && !all_serve() && clock_.now() < late) {
      step();
    }
    if (well() && (!all_serve() || !operator_.refusal().empty())) {
      violate("the network does not come up: " + operator_.refusal());
    }
    for (const auto& client : clients_) {
      const io::Loop::Entered here(people_.loop());
      client->start();
    }
  }
  [[nodiscard]] bool all_serve() const {
    return std::ranges::all_of(
        sites_, [](const Site& site) { return site.edge != nullptr && site.edge->serving(); });
  }
  [[nodiscard]] std::string manifests() {
    std::array<KeyText, 3> keys;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      keys[i] = {keys_[i]->id.to_string(), codec::to_hex(keys_[i]->sha256)};
    }
    std::array<std::string, 3> engines;
    for (std::size_t i = 0; i < engines.size(); ++i) {
      engines[i] = to_string(sites_[i].engine_host->address(kEnginePort));
    }
    return network_manifests(engines, keys, one_of({1, 1, 2, 64}));
  }

  [[nodiscard]] bool over() const {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->finished(); });
  }

  void live() {
    std::uint64_t next_trouble = poller_.events() + random_.below(kBetweenTroubles);
    while (well() && !over()) {
      step();
      if (poller_.events() >= next_trouble) {
        make_trouble();
        next_trouble = poller_.events() + 1 + random_.below(kBetweenTroubles);
      }
    }
  }

  void make_trouble() {
    Site& site = sites_[random_.below(sites_.size())];
    SimHost& host = site.machine->host();
    Site& other = sites_[random_.below(sites_.size())];
    switch (random_.below(13)) {
      case 0:
        crash(site);
        break;
      case 1:
        // At once, or in the moment when an edge is told that its records are kept.
        control_dies_ = random_.below(3) > 0;
        acknowledged_ = acknowledged();
        if (!control_dies_) {
          crash_control();
        }
        break;
      case 2:
        network_.cut(host, control_machine_.host(), up_to(6s));
        break;
      case 3:
        network_.reset(host, control_machine_.host());
        break;
      case 4:
        network_.cut(host, *site.engine_host, up_to(3s));
        break;
      case 5:
        network_.reset(host, *site.engine_host);
        break;
      case 6:
        network_.cut(host, *client_hosts_[random_.below(client_hosts_.size())], up_to(2s));
        break;
      case 7:
      case 8:
        other.name == site.name ? crash(site) : network_.reset(host, other.machine->host());
        break;
      case 9:
        network_.cut(host, other.machine->host(), up_to(4s));
        break;
      case 10:
        site.machine->clock().set_wall_ahead(draw_wrong_clock().wall_ahead);
        break;
      case 11:
        old_control_comes_back(site);
        break;
      default:
        change_fence();
        break;
    }
  }

  void change_fence() {
    if (operator_.idle()) {
      fence_closed_ = !fence_closed_;
      trace_.note("fence", fence_closed_ ? 1 : 0);
      operator_.apply(fence_manifest(fence_closed_));
    }
  }

  void old_control_comes_back(Site& site) {
    if (!former_ || !site.edge) {
      return;
    }
    trace_.note("old", 1, 0, site.name);
    ++outcome_.counts.old_controls;
    old_control_.remember(former_);
    site.edge->find_control_at(old_control_address());
    network_.reset(site.machine->host(), control_machine_.host());
    // For a while; then whoever went there looks for control where it is.
    poller_.after(up_to(5s), [this] { old_control_goes(); });
  }
  void old_control_goes() {
    for (Site& site : sites_) {
      if (site.edge) {
        site.edge->find_control_at(control_machine_.host().address(kControlPort));
      }
    }
    old_control_.hang_up();
  }

  void crash(Site& site) {
    if (!site.edge) {
      return;
    }
    machines_.settle();
    const bool power_loss = random_.below(2) == 0;
    trace_.note("crash", power_loss ? 1 : 0, 0, site.name);
    ++outcome_.counts.edge_crashes;
    if (power_loss) {
      network_.set_power(site.machine->host(), false);
    }
    site.edge->kill();
    site.edge.reset();
    site.disk.crash(random_, !power_loss);
    site.back = clock_.now() + up_to(800ms);
  }

  void crash_control() {
    if (!control_) {
      return;
    }
    machines_.settle();
    const bool power_loss = random_.below(2) == 0;
    trace_.note("crash", power_loss ? 1 : 0, 0, "control");
    ++outcome_.counts.control_crashes;
    if (power_loss) {
      network_.set_power(control_machine_.host(), false);
    }
    control_->kill();
    control_.reset();
    control_back_ = clock_.now() + up_to(2s);
    check_uploads();
  }
  [[nodiscard]] std::uint64_t acknowledged() const {
    std::uint64_t sum = 0;
    for (const Site& site : sites_) {
      sum += site.edge ? site.edge->acknowledged() : 0;
    }
    return sum;
  }
  void check_uploads() {
    for (const Site& site : sites_) {
      if (site.edge) {
        rules_.check_uploads(disk_.store, site.edge->uid(), site.edge->books().epoch,
                             site.edge->acknowledged());
      }
    }
  }

  // In an orderly way.
  void stop(Site& site) {
    site.edge->begin_stop();
    while (!site.edge->stopped() && poller_.events() < 2 * kMostEvents) {
      machines_.step();
    }
    machines_.settle();
    site.edge->kill();
    site.edge.reset();
    site.back = clock_.now();
  }

  // Nothing breaks any more: all that was settled must reach control.
  void heal() {
    old_control_goes();
    const Instant late = clock_.now() + kHealing;
    while (well() && !all_uploaded()) {
      step();
      if (clock_.now() > late) {
        violate("usage does not reach control, though nothing is broken");
      }
    }
  }
  [[nodiscard]] bool all_uploaded() {
    return control_ != nullptr && std::ranges::all_of(sites_, [&](const Site& site) {
             if (!site.edge || !site.edge->serving() || !site.edge->agent().connected()) {
               return false;
             }
             const meter::OutboxPosition at = site.edge->books();
             return NetworkRules::kept(disk_.store, site.edge->uid(), at.epoch) == at.last_seq;
           });
  }

  void tear_down() {
    for (Site& site : sites_) {
      if (site.edge) {
        stop(site);
      }
    }
    for (const auto& client : clients_) {
      client->stop();
    }
    for (Site& site : sites_) {
      site.engine->stop();
    }
    operator_.stop();
    old_control_.stop();
    machines_.settle();
    if (control_) {
      control_->kill();
      control_.reset();
    }
    machines_.settle();
  }

  void judge() {
    for (const auto& client : clients_) {
      for (const Told& told : client->told()) {
        ++outcome_.counts.requests;
        outcome_.counts.finishes += told.finish ? 1 : 0;
        outcome_.counts.refusals += told.status >= 400 ? 1 : 0;
      }
    }
    outcome_.counts.changes = operator_.applied();
    if (!well()) {
      return;
    }
    rules_.check_books(disk_.store, kNetworkPrice);
    outcome_.counts.records = rules_.records();
    outcome_.counts.sold = rules_.sold();
    outcome_.violations = rules_.violations();
  }

  ManualClock clock_;
  SeededRandom random_;
  Trace trace_;
  const NetworkBug bug_;
  SimPoller poller_{clock_};
  SimNetwork network_{poller_, random_, trace_};
  Machines machines_{clock_, poller_, network_};
  Machine& people_;  // clients, engines, the operator: their clocks are right
  Machine& control_machine_;
  ControlDisk disk_;
  std::unique_ptr<ControlProcess> control_;
  Instant control_back_{};
  bool control_dies_ = false;  // as soon as an edge is told more than this
  std::uint64_t acknowledged_ = 0;
  OldControl old_control_;
  NetworkOperator operator_;
  std::array<Site, 3> sites_;
  std::array<std::optional<domain::NewApiKey>, 3> keys_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<SimHost*> client_hosts_;
  control::Snapshot published_;
  control::Snapshot former_;
  bool fence_closed_ = false;
  NetworkRules rules_;
  NetworkOutcome outcome_;
};

}  // namespace

NetworkCounts& NetworkCounts::operator+=(const NetworkCounts& other) {
  events += other.events;
  requests += other.requests;
  finishes += other.finishes;
  refusals += other.refusals;
  records += other.records;
  sold += other.sold;
  changes += other.changes;
  edge_crashes += other.edge_crashes;
  control_crashes += other.control_crashes;
  old_controls += other.old_controls;
  return *this;
}

NetworkOutcome run(const NetworkStory& story) { return World(story).run(); }

}  // namespace tdn::sim
