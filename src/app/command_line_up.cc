// Flags of what runs a network on one machine: `tdn up`, `tdn wan`, `tdn chaos`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/declared.h"
#include "scenario/builtin.h"

namespace tdn::app {
namespace {

// The help, with the names of what is built in.
std::string with_scenarios(std::string_view text) {
  std::string names;
  for (const scenario::BuiltinFile& file : scenario::builtin_scenarios()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", file.name);
  }
  constexpr std::string_view kHere = "SCENARIOS";
  std::string help(text);
  return help.replace(help.find(kHere), kHere.size(), names);
}

}  // namespace

Declared declare_up(CLI::App& root, const Environment& environment) {
  struct Flags {
    UpCommand command;
    std::string ports = "8080";
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* app = root.add_subcommand("up", "Run a whole network on this machine");
  app->footer(with_scenarios(
      R"(Control and the sites Frankfurt, Paris and Ashburn, each an edge and an engine, on loopback. Prints a
curl line that streams an answer. Ctrl-C stops: open streams get 5 s, everything is gone within 10.

The sites are as far from each other, from control and from the places of their clients as measured
round trips say. Other scenarios: SCENARIOS; or a file (docs/reference/scenarios.md). `none`
puts them next door to each other. `tdn chaos` breaks the network while it runs, and heals it.

Examples:
  tdn up --simulated
  tdn up --model SmolLM2-135M-Instruct.Q8_0.gguf --state ./network
  tdn up --scenario planet-twelve                              its engines are all simulated
  tdn up --simulated --scenario my-network.yaml
  tdn up --simulated --sites my-sites.yaml                     up to 12 Sites
  tdn up --simulated --ports auto --ready-file ready.json      for tests)"));
  CLI::Option* model = app->add_option("--model", flags->command.model_file, "Serve this GGUF file")
                           ->type_name("FILE");
  app->add_flag("--simulated", flags->command.simulated,
                "No model: engines that keep realistic time and say made-up words")
      ->excludes(model);
  app->add_option("--timing", flags->command.timing_file,
                  "How long simulated steps take (YAML, see docs/guide/engine.md)")
      ->type_name("FILE")
      ->excludes(model);
  flags->command.state = environment.where.state;
  app->add_option("--state", flags->command.state,
                  "Folder of its books, keys and manifests; made if missing")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option(
         "--ports", flags->ports,
         "Port of the first gateway (the next site's is 100 higher), or auto for any free ones")
      ->type_name("auto|BASE")
      ->capture_default_str();
  app->add_option("--ready-file", flags->command.ready_file,
                  "Write addresses, key and pids to it as JSON once all serve")
      ->type_name("FILE");
  CLI::Option* scenario = app->add_option("--scenario", flags->command.scenario,
                                          "Sites, distances, client places, engines, tenants")
                              ->type_name("NAME|FILE|none")
                              ->capture_default_str();
  app->add_option("--sites", flags->command.sites_file, "Manifests of the sites to run, 1 to 12")
      ->type_name("FILE")
      ->excludes(scenario);
  add_count(*app, "--shards", flags->command.shards, "Threads of each edge", 1, 256);
  return {app, [flags]() -> Result<Command> {
            // A scenario may say what each engine is: read later.
            if (!flags->command.simulated && flags->command.model_file.empty() &&
                (!flags->command.sites_file.empty() || flags->command.scenario == kNoScenario)) {
              return fail(Code::kInvalid,
                          "give --model FILE or --simulated (scripts/up fetches a small model)");
            }
            TDN_TRY(flags->command.ports, local::parse_port_choice(flags->ports));
            return flags->command;
          }};
}

Declared declare_wan(CLI::App& root) {
  auto command = std::make_shared<WanCommand>();
  CLI::App* app = root.add_subcommand("wan", "Run the links between sites that are far away");
  app->footer(
      R"help(A test tool in user space: whoever connects to a link's listener reaches its target as if that were
far away. `tdn up` runs one by itself for a scenario; `tdn chaos` breaks its links. Benchmarks never
run through it. SIGTERM stops: what is open is reset.

  control: {tokenFile: token}
  links:
    - {from: paris, to: frankfurt, target: "127.0.0.1:8083", rttMs: 10.4}

Examples:
  tdn wan --config links.yaml --ready-file ready.json     where each link listens
  curl -H "authorization: Bearer $(cat token)" "$(jq -r .wan ready.json)/v1/links")help");
  app->add_option("--config", command->config_file, "The links (YAML, see docs/internals/wan.md)")
      ->type_name("FILE")
      ->required();
  app->add_option("--ready-file", command->ready_file,
                  "Write where each link listens to it as JSON once they serve")
      ->type_name("FILE");
  return {app, [command]() -> Result<Command> { return *command; }};
}

}  // namespace tdn::app
