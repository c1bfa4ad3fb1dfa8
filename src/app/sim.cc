// `tdn sim`.
#include "app/roles.h"
#include "app/scenario_file.h"
#include "io/signals.h"

namespace tdn::app {

Result<void> run(const SimGatewayCommand& command) {
  io::unblock_all_signals();  // no loop listens for them here: Ctrl-C ends the search
  return sim::run_gateway_sim(command.options);
}

Result<void> run(const SimNetworkCommand& command) {
  io::unblock_all_signals();
  sim::NetworkSimOptions options = command.options;
  if (options.scenario.empty()) {
    return sim::run_network_sim(options);
  }
  TDN_TRY(const scenario::Scenario scenario, read_scenario(options.scenario));
  auto plan = sim::plan_of(scenario);
  if (!plan) {
    return fail(plan.error().code(), options.scenario + ": " + to_string(plan.error()));
  }
  options.plan = &*plan;
  return sim::run_network_sim(options);
}

}  // namespace tdn::app
