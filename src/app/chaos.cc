// `tdn chaos`.
#include "cli/chaos.h"

#include <iostream>
#include <optional>
#include <utility>

#include "app/main_loop.h"
#include "app/roles.h"
#include "io/signals.h"

namespace tdn::app {

int run(const ChaosCommand& command) {
  io::unblock_all_signals();  // one answer, no cleaning up: a signal may simply end it
  const cli::Screen screen{std::cout, std::cerr};
  const Result<std::optional<std::string>> state = cli::find_state(command.where, command.defaults);
  if (!state || !*state) {
    return cli::tell_failure(
        screen, "chaos",
        state ? Error(Code::kInvalid, "the context names no state folder; give --state DIR")
              : state.error());
  }
  cli::ChaosOptions options = command.options;
  options.state = **state;
  MainLoop main;
  return main.run_command(
      cli::chaos(main.network, std::move(options), system_clock().wall(), screen));
}

}  // namespace tdn::app
