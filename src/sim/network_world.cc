#include "sim/network_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/detail/network_manifests.h"
#include "sim/detail/network_stage.h"

namespace tdn::sim {
namespace {

using namespace std::chrono_literals;

// A story that is not over by then has found something that hangs.
constexpr std::uint64_t kMostEvents = 200'000;  // per site
constexpr Duration kHealing = 180s;
constexpr std::uint64_t kBetweenTroubles = 500;  // events, at most

class World final : private NetworkStage {
 public:
  using NetworkStage::NetworkStage;

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
  using Site = StagedSite;

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
    if (poller_.events() >= most_events() && outcome_.violations.empty()) {
      violate("the story does not end");
    }
  }
  [[nodiscard]] std::uint64_t most_events() const { return kMostEvents * sites_.size(); }
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
    switch (random_.below(14)) {
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
      case 12:
        cut_off(site);
        break;
      default:
        change_fence();
        break;
    }
  }

  // From everything but its clients and its engine.
  void cut_off(Site& site) {
    ++outcome_.counts.cut_off;
    const Duration duration = up_to(30s);
    network_.cut(site.machine->host(), control_machine_.host(), duration);
    for (const Site& other : sites_) {
      if (other.name != site.name) {
        network_.cut(site.machine->host(), other.machine->host(), duration);
      }
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
      rules_.lost_power(site.edge->site());
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
    while (!site.edge->stopped() && poller_.events() < 2 * most_events()) {
      machines_.step();
    }
    machines_.settle();
    site.edge->kill();
    site.edge.reset();
    site.back = clock_.now();
  }

  // Nothing breaks any more: what is under way ends, and all that was settled must reach control.
  void heal() {
    old_control_goes();
    const Instant late = clock_.now() + kHealing;
    while (well() && !all_uploaded()) {
      step();
      if (clock_.now() > late) {
        violate("usage does not reach control, though nothing is broken:" + what_is_late());
      }
    }
  }
  [[nodiscard]] std::string what_is_late() {
    std::string text = control_ ? "" : " control is down;";
    for (const Site& site : sites_) {
      if (!site.edge) {
        text += fmt::format(" {} is down;", site.name);
        continue;
      }
      const meter::OutboxPosition at = site.edge->books();
      text += fmt::format(" {} epoch {}: {} of {} kept{}{};", site.name, at.epoch,
                          NetworkRules::kept(disk_.store, site.edge->uid(), at.epoch).value_or(0),
                          at.last_seq, site.edge->serving() ? "" : ", not serving",
                          site.edge->agent().connected() ? "" : ", not connected");
    }
    return text;
  }
  [[nodiscard]] bool all_uploaded() {
    return control_ != nullptr && std::ranges::all_of(sites_, [&](const Site& site) {
             if (!site.edge || !site.edge->serving() || !site.edge->quiet() ||
                 !site.edge->agent().connected()) {
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

  std::unique_ptr<ControlProcess> control_;
  Instant control_back_{};
  bool control_dies_ = false;  // as soon as an edge is told more than this
  std::uint64_t acknowledged_ = 0;
  control::Snapshot published_;
  control::Snapshot former_;
  bool fence_closed_ = false;
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
  cut_off += other.cut_off;
  old_controls += other.old_controls;
  return *this;
}

NetworkOutcome run(const NetworkStory& story) { return World(story).run(); }

}  // namespace tdn::sim
