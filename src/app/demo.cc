// `tdn demo`.
#include "cli/demo.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>

#include "app/main_loop.h"
#include "app/roles.h"
#include "local/files.h"

namespace tdn::app {
namespace {

Result<Secret> key_for(const std::string& state) {
  const char* const given = std::getenv("TDN_KEY");  // NOLINT: one thread
  if (given != nullptr && *given != '\0') {
    return Secret(given);
  }
  Result<std::string> text = local::read_text(state + "/demo-key");
  if (!text) {
    return fail(text.error().code(),
                "no API key: set TDN_KEY, or give the --state folder of `tdn up`: " +
                    text.error().detail());
  }
  while (text->ends_with('\n')) {
    text->pop_back();
  }
  return Secret(*std::move(text));
}

}  // namespace

int run(const DemoCommand& command) {
  const bool is_terminal = ::isatty(STDOUT_FILENO) != 0;
  const char* const no_colour = std::getenv("NO_COLOR");  // NOLINT: one thread
  const cli::Screen screen{std::cout, std::cerr, is_terminal && no_colour == nullptr};
  cli::DemoOptions options = command.options;
  options.live = ::isatty(STDERR_FILENO) != 0;
  const Result<Secret> key = key_for(options.state);
  if (!key) {
    return cli::tell_failure(screen, "demo", key.error());
  }
  const Result<client::Control> found = cli::find_control({.state = options.state}, command.where);
  if (!found && !local::read_text(options.state + "/cities.json")) {
    return cli::tell_failure(screen, "demo", found.error());
  }
  MainLoop main;
  client::ControlClient control(main.network, found.value_or(client::Control{}));
  cli::Demo demo(main.loop, main.network, control, *key, std::move(options), screen);
  return main.run_command(demo.run(), {SIGINT, SIGTERM}, [&demo](int) { demo.stop(); });
}

}  // namespace tdn::app
