// The command line of `tdn sim`.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "app/declared.h"

namespace tdn::app {
namespace {

// What both simulations take.
template <class Options>
void declare_search(CLI::App& app, Options& options, std::string& planted,
                    const char* planted_help) {
  app.add_option("--seeds", options.seeds, "Stories to tell")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--seed", options.first_seed, "The first one's seed")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--planted", planted, planted_help)->type_name("BUG");
  app.add_flag("--trace", options.print_trace, "Print every event");
}

template <class SimCommand>
struct SimFlags {
  SimCommand command;
  std::string planted;
};

Declared declare_gateway(CLI::App& sim) {
  auto flags = std::make_shared<SimFlags<SimGatewayCommand>>();
  CLI::App* app = sim.add_subcommand(
      "gateway", "An edge's gateway and books through crashes, one story per seed");
  declare_search(*app, flags->command.options, flags->planted,
                 "Plant a bug and expect it to be caught: release-before-sync");
  return {app, [flags]() -> Result<Command> {
            if (!flags->planted.empty()) {
              TDN_TRY(flags->command.options.bug, sim::parse_planted_bug(flags->planted));
            }
            return flags->command;
          }};
}

Declared declare_network(CLI::App& sim) {
  auto flags = std::make_shared<SimFlags<SimNetworkCommand>>();
  CLI::App* app = sim.add_subcommand(
      "network",
      "Control and its sites through all that can break, one story per seed: three sites anywhere, "
      "or those of a scenario at their distances");
  declare_search(*app, flags->command.options, flags->planted,
                 "Plant a bug and expect it to be caught: settle-before-journal, "
                 "ack-before-commit, retry-after-first-byte, stale-snapshot, fence-not-rechecked, "
                 "token-twice");
  app->add_option("--scenario", flags->command.options.scenario,
                  "Sites, distances, cities, engines' speeds, tenants and fences of a scenario")
      ->type_name("NAME|FILE");
  return {app, [flags]() -> Result<Command> {
            if (!flags->planted.empty()) {
              TDN_TRY(flags->command.options.bug, sim::parse_network_bug(flags->planted));
            }
            return flags->command;
          }};
}

}  // namespace

std::vector<Declared> declare_sim_commands(CLI::App& root) {
  CLI::App* sim = root.add_subcommand("sim", "Search for faults in a simulated world");
  sim->require_subcommand(1);
  sim->footer(R"(Examples:
  tdn sim gateway --seeds 1000
  tdn sim network --seeds 200
  tdn sim network --seeds 20 --scenario planet-twelve      twelve sites at measured distances
  tdn sim network --seeds 1 --seed 42 --trace              every event of one story
  tdn sim network --seeds 100 --planted ack-before-commit  a bug that must be found)");
  return {declare_gateway(*sim), declare_network(*sim)};
}

}  // namespace tdn::app
