#include "app/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>

#include "app/declared.h"

namespace tdn::app {
namespace {

constexpr const char* kExamples = R"(Examples:
  tdn up --simulated              a whole network on this machine, no model needed
  tdn up --model FILE.gguf        the same with a real model
  tdn edge --manifests DIR --state DIR
                                  one edge, from manifests that you wrote
  tdn apply -f FILE               change what the network serves by
  tdn usage --by key              what was used, exactly, and what it costs
  tdn explain -m MODEL            who would serve a request, and why
  tdn chaos kill paris            break a network on purpose, and heal it
  tdn COMMAND --help              what a command takes

Exit status: 0 done, 1 failed, 2 wrong use.)";

CLI::App& declare_keys(CLI::App& root) {
  CLI::App* key = root.add_subcommand("key", "API keys");
  key->require_subcommand(1);
  key->footer(R"(Examples:
  tdn key new                              the key, and the line for a Key manifest's `secrets`
  tdn key new demo/playground/laptop       the key, and a whole Key manifest
  tdn key issue demo/playground/laptop     a new secret on a running network
  tdn key revoke demo/playground/laptop --id 4k7m2q9xwd)");
  return *key;
}

Declared declare_key_new(CLI::App& key) {
  auto command = std::make_shared<KeyNewCommand>();
  auto json = std::make_shared<std::string>("text");
  CLI::App* app = key.add_subcommand("new", "Make an API key; its secret is shown this once");
  app->footer(R"(Changes nothing by itself: what it prints of the secret goes into a manifest.

Examples:
  tdn key new                              the key, and the line for a Key manifest's `secrets`
  tdn key new demo/playground/laptop       the key, and a whole Key manifest)");
  app->add_option("name", command->options.name, "tenant/project/key, for a whole manifest")
      ->type_name("NAME");
  app->add_option("-o,--output", *json, "text or json")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
  return {app, [command, json]() -> Result<Command> {
            command->options.json = *json == "json";
            return *command;
          }};
}

Declared declare_journal(CLI::App& journal, bool check) {
  auto command = std::make_shared<JournalCommand>();
  command->check = check;
  CLI::App* app = check ? journal.add_subcommand("check", "Prove a journal whole")
                        : journal.add_subcommand("dump", "Print every frame as a line of JSON");
  app->add_option("folder", command->folder, "A state folder, or the folder of a journal")
      ->type_name("DIR")
      ->required();
  return {app, [command]() -> Result<Command> { return *command; }};
}

std::string called(const CLI::App* app) {
  return app->get_parent() == nullptr ? "tdn" : called(app->get_parent()) + " " + app->get_name();
}

CLI::App& declare_journals(CLI::App& root) {
  CLI::App* app = root.add_subcommand("journal", "The books of an edge, for people");
  app->require_subcommand(1);
  app->footer(R"(Both read only, also while the edge runs.

Examples:
  tdn journal check ./edge                   each segment, and what it holds; status 1 if damaged
  tdn journal dump ./edge | grep settlement  every usage record)");
  return *app;
}

// The innermost subcommand that the words named.
const CLI::App* innermost(const CLI::App* app) {
  for (const CLI::App* sub : app->get_subcommands({})) {
    if (sub->parsed()) {
      return innermost(sub);
    }
  }
  return app;
}

// Types and defaults as a person would say them.
class PlainHelp final : public CLI::Formatter {
 public:
  PlainHelp() { column_width(26); }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string value = option->get_default_str();
    return option->get_description() + (option->get_required() ? " (required)" : "") +
           (value.empty() ? "" : " (default " + value + ")");
  }
};

bool is_command(const CLI::App& root, std::string_view word) {
  const std::vector<const CLI::App*> commands = root.get_subcommands({});
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CLI::App* command) { return command->get_name() == word; });
}

ToldCommand wrong_use(const CLI::App& root, std::string_view what) {
  return {2, fmt::format("tdn: {} (see `{} --help`)\n", what, called(innermost(&root)))};
}

}  // namespace

Command parse_command_line(std::vector<std::string> words, const Environment& environment) {
  CLI::App root{"A Token Delivery Network. One program, one role per command.", "tdn"};
  root.require_subcommand(1);
  root.formatter(std::make_shared<PlainHelp>());
  root.set_version_flag("--version", "tdn " TDN_VERSION);
  // In the order in which help lists them.
  const Declared up = declare_up(root, environment);
  const Declared control = declare_control(root);
  const Declared edge = declare_edge(root);
  const Declared engine = declare_engine(root);
  CLI::App& key = declare_keys(root);
  std::vector<Declared> all = declare_operator_commands(root, key, environment);
  CLI::App& journal = declare_journals(root);
  all.insert(all.end(), {up, control, edge, engine, declare_quantize(*engine.app),
                         declare_requests(root, environment), declare_explain(root, environment),
                         declare_demo(root, environment), declare_journal(journal, true),
                         declare_journal(journal, false), declare_key_new(key), declare_wan(root)});
  for (const std::vector<Declared>& more :
       {declare_chaos_commands(root, environment), declare_sim_commands(root)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  const CLI::App* version = root.add_subcommand("version", "Print the version");
  root.footer(kExamples);  // last, or the commands would inherit it
  if (!words.empty() && !words.front().starts_with('-') && !is_command(root, words.front())) {
    return wrong_use(root, fmt::format("there is no command '{}'", words.front()));
  }
  try {
    std::reverse(words.begin(), words.end());  // that is how it takes them
    root.parse(std::move(words));
  } catch (const CLI::Success& asked) {  // help, version
    std::ostringstream out;
    root.exit(asked, out, out);
    return ToldCommand{0, out.str()};
  } catch (const CLI::ParseError& error) {
    // A word that nobody knows explains more than the flag that is missing for it.
    const std::vector<std::string> unknown = root.remaining(true);
    return wrong_use(root, unknown.empty() ? std::string(error.what())
                                           : fmt::format("there is no {} here", unknown.front()));
  }
  if (version->parsed()) {
    return ToldCommand{0, "tdn " TDN_VERSION "\n"};
  }
  const CLI::App* chosen = innermost(&root);
  for (const Declared& declared : all) {
    if (declared.app == chosen) {
      Result<Command> command = declared.finish();
      return command ? *std::move(command) : Command(wrong_use(root, command.error().detail()));
    }
  }
  return wrong_use(root, "no such command");
}

}  // namespace tdn::app
