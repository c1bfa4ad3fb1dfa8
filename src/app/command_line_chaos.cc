// Flags of `tdn chaos`.
#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "app/declared.h"

namespace tdn::app {
namespace {

struct ChaosVerb {
  const char* name;
  std::optional<local::Harm> harm;
  const char* what;
  const char* target;
};

constexpr ChaosVerb kVerbs[] = {
    {"kill", local::Harm::kKill, "SIGKILL edge and engine of a site, or control; stays down",
     "SITE|control"},
    {"pause", local::Harm::kPause, "The same stand still (SIGSTOP) until healed", "SITE|control"},
    {"cut", local::Harm::kCut, "A black hole: nothing arrives, nothing ends",
     "SITE|control|CITY|A-B|all"},
    {"reset", local::Harm::kReset, "Reset every connection, and every new one",
     "SITE|control|CITY|A-B|all"},
    {"slow", local::Harm::kSlow, "Make every round trip longer", "SITE|control|CITY|A-B|all"},
    {"heal", std::nullopt, "Mend it; without a name everything", "NAME"}};

void add_common(CLI::App& app, ChaosCommand& command, std::string& format) {
  app.add_option("--state", command.where.state, "State folder of the network")->type_name("DIR");
  app.add_option("-o,--output", format, "table or json")
      ->check(CLI::IsMember({"table", "json"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
}

// `verb` null: list.
Declared declare_verb(CLI::App& chaos, const Environment& environment, const ChaosVerb* verb) {
  struct Flags {
    ChaosCommand command;
    std::string format = "table";
    int added_ms = 0;
  };
  auto flags = std::make_shared<Flags>();
  cli::ChaosOptions& options = flags->command.options;
  flags->command.defaults = environment.where;
  options.list = verb == nullptr;
  CLI::App* app = verb == nullptr ? chaos.add_subcommand("list", "What is broken now")
                                  : chaos.add_subcommand(verb->name, verb->what);
  if (verb != nullptr) {
    options.request.harm = verb->harm;
    app->add_option("target", options.request.target, "What of the network")
        ->type_name(verb->target)
        ->required(verb->harm.has_value());
  }
  if (options.request.harm == local::Harm::kSlow) {
    app->add_option("--ms", flags->added_ms, "By how much a round trip takes longer")
        ->check(CLI::Range(1, static_cast<int>(wan::kMostAddedMs)).description(""))
        ->type_name("MS")
        ->required();
  }
  add_common(*app, flags->command, flags->format);
  return {app, [flags]() -> Result<Command> {
            flags->command.options.json = flags->format == "json";
            flags->command.options.request.added = std::chrono::milliseconds(flags->added_ms);
            return flags->command;
          }};
}

}  // namespace

std::vector<Declared> declare_chaos_commands(CLI::App& root, const Environment& environment) {
  CLI::App* app = root.add_subcommand("chaos", "Break a running network on purpose, and heal it");
  app->require_subcommand(1);
  app->footer(
      R"(Speaks to the `tdn up` that runs on this machine. A-B is both directions between two of sites, client
cities and control. What is broken stays so until it is healed or `tdn up` ends. More:
docs/guide/scenarios.md.

Examples:
  tdn chaos kill frankfurt             its edge and engine are gone
  tdn chaos cut control                every site is on its own
  tdn chaos cut paris-frankfurt        these two do not hear of each other
  tdn chaos slow ashburn --ms 300      every way to and from it takes 300 ms longer
  tdn chaos list
  tdn chaos heal                       everything)");
  std::vector<Declared> all;
  for (const ChaosVerb& verb : kVerbs) {
    all.push_back(declare_verb(*app, environment, &verb));
  }
  all.push_back(declare_verb(*app, environment, nullptr));
  return all;
}

}  // namespace tdn::app
