// Flags of `tdn requests` and `tdn explain`.
#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "app/declared.h"

namespace tdn::app {

Declared declare_requests(CLI::App& root, const Environment& environment) {
  struct Flags {
    RequestsCommand command;
    std::string output = "table";
  };
  auto flags = std::make_shared<Flags>();
  cli::RequestsOptions& options = flags->command.options;
  CLI::App* app = root.add_subcommand("requests", "The last requests, from the request log");
  app->footer(R"(The log holds neither prompts nor keys, and only the last requests.

Examples:
  tdn requests                             of the network of `tdn up`
  tdn requests --state ./edge --last 100
  tdn requests --site paris -o json        what the edge of Paris decided and served)");
  options.state = environment.where.state;
  app->add_option("--state", options.state, "State folder of the network or edge")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--site", options.site, "Only what this site's edge logged")->type_name("NAME");
  app->add_option("-n,--last", options.last, "How many")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}).description(""))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("-o,--output", flags->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
  return {app, [flags]() -> Result<Command> {
            flags->command.options.format =
                flags->output == "json" ? cli::Format::kJson : cli::Format::kTable;
            return flags->command;
          }};
}

namespace {

// What of the words makes a question to a gateway.
Result<Command> ask_gateway(ExplainCommand command, const std::string& subject) {
  const bool made = !command.model.empty() || !command.prompt.empty();
  if (made && !subject.empty()) {
    return fail(Code::kInvalid, "give either a body or -m with --prompt");
  }
  if (made && command.model.empty()) {
    return fail(Code::kInvalid, "--prompt needs -m MODEL");
  }
  if (!made && subject.empty()) {
    return fail(Code::kInvalid,
                "say what to explain: the id of a request, a file with a request's body (- for "
                "standard input), or -m MODEL");
  }
  command.body_file = subject;
  return command;
}

}  // namespace

Declared declare_explain(CLI::App& root, const Environment& environment) {
  struct Flags {
    ExplainCommand command;
    std::string subject;
    std::string output = "text";
    std::uint32_t attempt = std::numeric_limits<std::uint32_t>::max();
  };
  auto flags = std::make_shared<Flags>();
  ExplainCommand& command = flags->command;
  CLI::App* app = root.add_subcommand("explain", "Who serves a request, and why");
  app->footer(
      R"(With a request's id: decides it again from what the request log recorded. Otherwise a gateway is
asked what it would do, and does nothing else. The key is $TDN_KEY, else the demo-key in --state.

Examples:
  tdn explain -m smollm2 --prompt "Hello"
  tdn explain -m smollm2 --site paris --location US
  tdn explain body.json --gateway http://127.0.0.1:8180
  tdn explain 0192f0c0-a000-7000-8000-000000000001 -o json)");
  app->add_option("what", flags->subject, "A request's id, or a file with its body; - for stdin")
      ->type_name("ID|FILE");
  app->add_option("-m,--model", command.model, "Ask about a request for this model")
      ->type_name("MODEL");
  app->add_option("--prompt", command.prompt, "With this prompt")->type_name("TEXT");
  CLI::Option* gateway =
      app->add_option("--gateway", command.gateway,
                      "Which gateway is asked (default: that of the first site of the network in "
                      "--state)")
          ->type_name("URL");
  app->add_option("--site", command.site,
                  "Ask this site's gateway; with an id: what this site decided")
      ->type_name("NAME")
      ->excludes(gateway);
  app->add_option("--location", command.location, "Where the client is: DE, 50.1,8.7 or both")
      ->type_name("PLACE");
  command.state = environment.where.state;
  app->add_option("--state", command.state, "State folder of the network or edge")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--attempt", flags->attempt,
                  "Which attempt of a recorded request (default: last)")
      ->type_name("N");
  app->add_option("-o,--output", flags->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
  return {app, [flags]() -> Result<Command> {
            ExplainCommand& asked = flags->command;
            asked.json = flags->output == "json";
            if (const std::optional<Uid> id = Uid::parse(flags->subject)) {
              asked.recorded.emplace();
              asked.recorded->state = asked.state;
              asked.recorded->request = {*id};
              asked.recorded->site = asked.site;
              if (flags->attempt != std::numeric_limits<std::uint32_t>::max()) {
                asked.recorded->attempt = flags->attempt;
              }
              asked.recorded->format = asked.json ? cli::Format::kJson : cli::Format::kTable;
              return asked;
            }
            return ask_gateway(asked, flags->subject);
          }};
}

}  // namespace tdn::app
