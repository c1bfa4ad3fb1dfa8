#include <CLI/CLI.hpp>
#include <memory>

#include "app/declared.h"

namespace tdn::app {

Declared declare_demo(CLI::App& root, const Environment& environment) {
  struct Flags {
    DemoCommand command;
    std::string format = "table";
  };
  auto flags = std::make_shared<Flags>();
  flags->command.where = environment.where;
  cli::DemoOptions& options = flags->command.options;
  CLI::App* app =
      root.add_subcommand("demo", "Ask a running network from several cities for a while");
  app->footer(
      R"(Each city's clients go to the nearest gateway, as DNS would steer them, and to the next one when that is
not there. Ends with a table: requests, tokens, time to first token, where they were served and why. The
requests are paid with $TDN_KEY, else with the demo-key of the state folder. Ctrl-C ends it early.

Exit status: 1 if a request failed that no gateway had begun to answer.

Examples:
  tdn demo                            a minute, two clients in each city
  tdn demo --seconds 10 --clients 8
  tdn demo -o json >demo.json         with the ids of all requests, to compare with `tdn requests`)");
  options.state = environment.where.state;
  app->add_option("--state", options.state, "State folder of the network")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--seconds", options.seconds, "How long")
      ->check(CLI::Range(1, 86'400).description(""))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--clients", options.clients,
                  "In each city, each asking one thing after the other")
      ->check(CLI::Range(1, 1'000).description(""))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("-m,--model", options.model,
                  "What to ask (default: the first that the key may use and that is served)")
      ->type_name("MODEL");
  app->add_option("-o,--output", flags->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
  return {app, [flags]() -> Result<Command> {
            flags->command.options.json = flags->format == "json";
            return flags->command;
          }};
}

}  // namespace tdn::app
