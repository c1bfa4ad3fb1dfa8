// `tdn up`.
#include "local/up.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>

#include "app/main_loop.h"
#include "app/roles.h"
#include "app/scenario_file.h"
#include "engine/timing.h"
#include "scenario/builtin.h"

namespace tdn::app {
namespace {

// This program itself, whatever happens to its file meanwhile.
constexpr const char* kSelf = "/proc/self/exe";

// As a person would type it from here.
std::string shown_program() {
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink(kSelf, ignored);
  const std::filesystem::path here = std::filesystem::proximate(self, ignored);
  const bool below = !here.empty() && *here.begin() != "..";
  return (below ? here : self).string();
}

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// What the engines would say only when they start.
Result<void> check_engines(const scenario::Scenario& scenario, const UpCommand& command) {
  if (!command.simulated && command.model_file.empty() && !scenario.names_every_engine()) {
    return fail(Code::kInvalid,
                fmt::format("the scenario {} leaves its engines to you: give --model FILE or "
                            "--simulated (scripts/up fetches a small model)",
                            scenario.name));
  }
  for (const scenario::Site& site : scenario.sites) {
    const std::string timing = scenario::timing_yaml(site.engine);
    if (!timing.empty()) {
      TDN_TRY_VOID(engine::parse_timing(
          timing, fmt::format("{}: timing of the engine of {}", scenario.name, site.name)));
    }
  }
  return {};
}

// Sites, and how far apart they are.
Result<void> read_network(const UpCommand& command, local::UpOptions& options) {
  if (!command.sites_file.empty()) {
    TDN_TRY(const std::string text, local::read_text(command.sites_file));
    TDN_TRY(options.sites, local::parse_sites(text, command.sites_file));
    return {};
  }
  if (command.scenario == kNoScenario) {
    options.sites = local::default_sites();  // those of `three`, next door to each other
    return {};
  }
  TDN_TRY(scenario::Scenario scenario, read_scenario(command.scenario));
  TDN_TRY_VOID(check_engines(scenario, command));
  options.sites = local::sites_of(scenario);
  options.scenario = std::move(scenario);
  return {};
}

}  // namespace

Result<void> run(const UpCommand& command) {
  local::UpOptions options;
  TDN_TRY_VOID(read_network(command, options));
  std::error_code ignored;
  const std::string path = std::filesystem::absolute(command.state, ignored).string();
  TDN_TRY(const local::StateFolder state, local::StateFolder::open(path));
  options.program = kSelf;
  options.shown_program = shown_program();
  options.model_file = command.model_file;
  options.timing_file = command.timing_file;
  options.shards = command.shards;
  options.ports = command.ports;
  options.ready_file = command.ready_file;
  options.colours = ::isatty(STDOUT_FILENO) != 0;

  MainLoop main;
  local::LocalNetwork network(main.loop, main.poller, main.network, state, system_random(),
                              std::move(options), say);
  return main.run(network.run(), {SIGINT, SIGTERM, SIGHUP}, [&network](int) { network.stop(); });
}

}  // namespace tdn::app
