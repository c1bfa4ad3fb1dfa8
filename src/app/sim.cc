// `tdn sim`.
#include "app/roles.h"
#include "io/signals.h"

namespace tdn::app {

Result<void> run(const SimGatewayCommand& command) {
  io::unblock_all_signals();  // no loop listens for them here: Ctrl-C ends the search
  return sim::run_gateway_sim(command.options);
}

Result<void> run(const SimNetworkCommand& command) {
  io::unblock_all_signals();
  return sim::run_network_sim(command.options);
}

}  // namespace tdn::app
