// `tdn up`.
#include "local/up.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "app/main_loop.h"
#include "app/roles.h"

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

Result<std::vector<local::SitePlan>> read_sites(const UpCommand& command) {
  if (command.sites_file.empty()) {
    return local::default_sites();
  }
  TDN_TRY(const std::string text, local::read_text(command.sites_file));
  return local::parse_sites(text, command.sites_file);
}

}  // namespace

Result<void> run(const UpCommand& command) {
  TDN_TRY(std::vector<local::SitePlan> sites, read_sites(command));
  std::error_code ignored;
  const std::string path = std::filesystem::absolute(command.state, ignored).string();
  TDN_TRY(const local::StateFolder state, local::StateFolder::open(path));
  local::UpOptions options;
  options.program = kSelf;
  options.shown_program = shown_program();
  options.model_file = command.model_file;
  options.timing_file = command.timing_file;
  options.shards = command.shards;
  options.ports = command.ports;
  options.sites = std::move(sites);
  options.ready_file = command.ready_file;
  options.colours = ::isatty(STDOUT_FILENO) != 0;

  MainLoop main;
  local::LocalNetwork network(main.loop, main.poller, main.network, state, system_random(),
                              std::move(options), say);
  return main.run(network.run(), {SIGINT, SIGTERM, SIGHUP}, [&network](int) { network.stop(); });
}

}  // namespace tdn::app
