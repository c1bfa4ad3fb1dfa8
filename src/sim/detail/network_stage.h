// What a story of sim/network_world.h begins with, drawn from its seed: machines and their wrong
// clocks, links, engines, keys, clients. What then happens is the story's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/api_key.h"
#include "sim/control_process.h"
#include "sim/network_edge.h"
#include "sim/network_operator.h"
#include "sim/network_plan.h"
#include "sim/network_rules.h"
#include "sim/network_world.h"
#include "sim/old_control.h"

namespace tdn::sim {

inline constexpr std::uint16_t kControlPort = 8090;
inline constexpr const char* kOperatorToken = "the-operators-token-of-the-simulation";

// A site of the story and its machines.
struct StagedSite {
  std::string name;
  scenario::Place place{};
  Machine* machine = nullptr;
  SimHost* engine_host = nullptr;
  io::MemoryDisk disk{};
  NetworkEdgeOptions options{};
  std::unique_ptr<NetworkEdge> edge{};
  std::unique_ptr<SimEngine> engine{};
  std::uint64_t room = 0;  // requests that its engine takes together
  std::uint64_t boots = 0;
  Instant back{};  // after a crash
};

class NetworkStage {
 public:
  explicit NetworkStage(const NetworkStory& story);

 protected:
  [[nodiscard]] std::uint64_t one_of(std::initializer_list<std::uint64_t> values) {
    return values.begin()[random_.below(values.size())];
  }
  [[nodiscard]] Duration up_to(Duration most) {
    return Duration(random_.below(static_cast<std::uint64_t>(most.count())));
  }
  [[nodiscard]] WrongBy draw_wrong_clock();
  static io::Address old_control_address();
  void make_site(StagedSite& site, const PlannedSite& planned);
  LinkOptions draw_link(Duration slowest);
  // At the scenario's distance if there is one.
  LinkOptions draw_link(const scenario::Place& from, const scenario::Place& to, Duration slowest);
  void draw_links();
  void draw_keys();
  [[nodiscard]] io::DialMap dial_of(const StagedSite& site);
  void plant(NetworkEdgeOptions& options) const;
  void draw_clients();
  void add_client(const StagedSite& site, std::string name, const LinkOptions& link,
                  std::string location);
  [[nodiscard]] std::string manifests() const;

  ManualClock clock_;
  SeededRandom random_;
  Trace trace_;
  const NetworkBug bug_;
  const NetworkPlan plan_;
  SimPoller poller_{clock_};
  SimNetwork network_{poller_, random_, trace_};
  Machines machines_{clock_, poller_, network_};
  Machine& people_;  // clients, engines, the operator: their clocks are right
  Machine& control_machine_;
  ControlDisk disk_;
  OldControl old_control_;
  NetworkOperator operator_;
  std::vector<StagedSite> sites_;
  std::vector<domain::NewApiKey> keys_;  // of the plan's tenants
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<SimHost*> client_hosts_;
  NetworkRules rules_;
  NetworkOutcome outcome_;
};

}  // namespace tdn::sim
