#include "app/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <optional>
#include <sstream>

#include "app/declared.h"
#include "http/fetch.h"

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
  tdn COMMAND --help              what a command takes

Exit status: 0 done, 1 failed, 2 wrong use.)";

// Turns an address into one we may listen on.
Result<io::Address> loopback_address(std::string_view flag, const std::string& text) {
  const Result<io::Address> address = io::Address::parse(text);
  if (!address) {
    return fail(
        Code::kInvalid,
        fmt::format("{} '{}': give a number and a port, such as 127.0.0.1:8080", flag, text));
  }
  if (!address->is_loopback()) {
    return fail(Code::kInvalid,
                fmt::format("{} {}: only loopback addresses (127.0.0.1, [::1]) are served, because "
                            "there is no encryption and no joining by certificate yet",
                            flag, text));
  }
  return *address;
}

void add_count(CLI::App& app, const std::string& flag, int& count, const std::string& what,
               int least, int most) {
  app.add_option(flag, count, what)
      ->check(CLI::Range(least, most).description(""))
      ->type_name("N")
      ->capture_default_str();
}

Declared declare_up(CLI::App& root, const Environment& environment) {
  struct Flags {
    UpCommand command;
    bool simulated = false;
    std::string ports = "8080";
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* app = root.add_subcommand("up", "Run a whole network on this machine");
  app->footer(
      R"(Control and the sites Frankfurt, Paris and Ashburn, each an edge and an engine, on loopback. Prints a
curl line that streams an answer. Ctrl-C stops: open streams get 5 s, everything is gone within 10.

Examples:
  tdn up --simulated
  tdn up --model SmolLM2-135M-Instruct.Q8_0.gguf --state ./network
  tdn up --simulated --sites my-sites.yaml                     up to 12 Sites
  tdn up --simulated --ports auto --ready-file ready.json      for tests)");
  CLI::Option* model = app->add_option("--model", flags->command.model_file, "Serve this GGUF file")
                           ->type_name("FILE");
  app->add_flag("--simulated", flags->simulated,
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
  app->add_option("--sites", flags->command.sites_file, "Manifests of the sites to run, 1 to 12")
      ->type_name("FILE");
  add_count(*app, "--shards", flags->command.shards, "Threads of each edge", 1, 256);
  return {app, [flags]() -> Result<Command> {
            if (!flags->simulated && flags->command.model_file.empty()) {
              return fail(Code::kInvalid,
                          "give --model FILE or --simulated (scripts/up fetches a small model)");
            }
            TDN_TRY(flags->command.ports, local::parse_port_choice(flags->ports));
            return flags->command;
          }};
}

// "paris=127.0.0.1:8183".
Result<io::DialMap> dial_map(const std::vector<std::string>& texts) {
  io::DialMap dial;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Code::kInvalid,
                  fmt::format("--dial '{}': give a site and where its edge listens for peers, such "
                              "as paris=127.0.0.1:8183",
                              text));
    }
    TDN_TRY(const io::Address address, loopback_address("--dial", text.substr(equals + 1)));
    if (!dial.emplace(text.substr(0, equals), address).second) {
      return fail(Code::kInvalid, fmt::format("--dial names {} twice", text.substr(0, equals)));
    }
  }
  return dial;
}

// Exactly one of manifests and control; of control, a URL on loopback and a key.
Result<void> check_source(EdgeCommand& command, const std::string& control_key) {
  if (command.manifests.empty() == command.control.empty()) {
    return fail(Code::kInvalid,
                "give --manifests, to serve alone, or --control, to serve in a network");
  }
  if (command.control.empty()) {
    return {};
  }
  TDN_TRY(const http::Url url, http::parse_url(command.control));
  const auto address = loopback_address("--control", url.authority());
  if (!address || url.target != "/") {
    return fail(Code::kInvalid, fmt::format("--control {}: give http://127.0.0.1:PORT; control "
                                            "elsewhere than on loopback is not built yet",
                                            command.control));
  }
  const auto key = codec::parse_ed25519_public_key(control_key);
  if (!key) {
    return fail(Code::kInvalid,
                fmt::format("--control-key {}: give the 44 characters that control's "
                            "ready file says",
                            control_key.substr(0, 60)));
  }
  command.control_key = *key;
  return {};
}

struct EdgeFlags {
  EdgeCommand command;
  std::string listen = "127.0.0.1:8080";
  std::string admin;
  std::string peers;
  std::vector<std::string> dial;
  std::string control_key;
};

// By what it serves: manifests, or control and what goes with it.
void declare_edge_source(CLI::App& app, EdgeFlags& flags) {
  CLI::Option* manifests =
      app.add_option("--manifests", flags.command.manifests, "What to serve by: YAML or JSON")
          ->type_name("FILE|DIR");
  CLI::Option* site =
      app.add_option("--site", flags.command.site,
                     "Which site this is, if the manifests hold several; in a network always")
          ->type_name("NAME");
  CLI::Option* control =
      app.add_option("--control", flags.command.control, "Control of the network")
          ->type_name("URL")
          ->excludes(manifests)
          ->needs(site);
  CLI::Option* control_key =
      app.add_option("--control-key", flags.control_key,
                     "Control's public key, as its ready file says; pinned at the first start")
          ->type_name("KEY")
          ->needs(control);
  CLI::Option* node_secret = app.add_option("--node-secret", flags.command.node_secret_file,
                                            "File with the secret that control knows this site by")
                                 ->type_name("FILE")
                                 ->needs(control);
  control->needs(control_key)->needs(node_secret);
}

void declare_edge_places(CLI::App& app, EdgeFlags& flags) {
  app.add_option("--listen", flags.listen, "Where clients connect; port 0 for any")
      ->type_name("ADDR")
      ->capture_default_str();
  app.add_option("--admin", flags.admin,
                 "Where /healthz, /readyz and /metrics are (default 127.0.0.1:8081, or any port if "
                 "--listen has port 0)")
      ->type_name("ADDR");
  CLI::Option* peers =
      app.add_option("--peers", flags.peers, "Where the edges of other sites send requests")
          ->type_name("ADDR");
  app.add_option("--dial", flags.dial, "Where the edge of another site listens for peers")
      ->type_name("SITE=ADDR")
      ->needs(peers);
}

Result<Command> edge_command(EdgeFlags& flags) {
  EdgeCommand& command = flags.command;
  TDN_TRY(command.listen, loopback_address("--listen", flags.listen));
  if (flags.admin.empty()) {
    flags.admin = command.listen.port == 0 ? "127.0.0.1:0" : "127.0.0.1:8081";
  }
  TDN_TRY(command.admin, loopback_address("--admin", flags.admin));
  if (!flags.peers.empty()) {
    TDN_TRY(command.peers, loopback_address("--peers", flags.peers));
  }
  TDN_TRY(command.dial, dial_map(flags.dial));
  TDN_TRY_VOID(check_source(command, flags.control_key));
  return command;
}

Declared declare_edge(CLI::App& root) {
  auto flags = std::make_shared<EdgeFlags>();
  CLI::App* app = root.add_subcommand("edge", "Run one edge: the gateway of a site, and its books");
  app->footer(
      R"(Alone it serves by manifests; in a network by what control sends, and goes on without it.
SIGHUP reads the manifests again without dropping a request; SIGTERM stops: open streams get 5 s.
Exit status 75: control ordered a new epoch of the books, start it again.

Examples:
  tdn edge --manifests ./manifests --state ./edge
  tdn edge --manifests all.yaml --site paris --listen 127.0.0.1:8180 --state ./paris
  tdn edge --site paris --control http://127.0.0.1:8090 --control-key KEY --node-secret paris.secret \
      --listen 127.0.0.1:8180 --peers 127.0.0.1:8183 --dial frankfurt=127.0.0.1:8083 --state ./paris)");
  declare_edge_source(*app, *flags);
  declare_edge_places(*app, *flags);
  app->add_option("--shards", flags->command.shards, "Threads that serve (default: one per core)")
      ->check(CLI::Range(1, 256).description(""))
      ->type_name("N");
  app->add_option("--state", flags->command.state,
                  "Folder of its books and identities; made if missing")
      ->type_name("DIR")
      ->required();
  add_count(*app, "--segment-mib", flags->command.segment_mib,
            "Size of the journal's files, in MiB", 1, 1024);
  app->add_option("--ready-file", flags->command.ready_file,
                  "Write the addresses to it as JSON once it serves")
      ->type_name("FILE");
  return {app, [flags] { return edge_command(*flags); }};
}

Declared declare_control(CLI::App& root) {
  struct Flags {
    ControlCommand command;
    std::string listen = "127.0.0.1:8090";
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* app = root.add_subcommand(
      "control", "Run the control plane: the catalogue of a network, and its books");
  app->footer(
      R"help(The state folder holds control.db, the key that signs snapshots, the operators' token (operator-token)
and the edges' hashed secrets (nodes.json, read again on SIGHUP). All are made at the first start but the last.
SIGTERM stops: what waits for edges gets 5 s.

Examples:
  tdn control --state ./control
  tdn control --state ./control --new-epoch          after control.db was put back from a backup
  curl -H "authorization: Bearer $(cat control/operator-token)" http://127.0.0.1:8090/api/v1/network)help");
  app->add_option("--state", flags->command.state,
                  "Folder of its store, keys and tokens; made if missing")
      ->type_name("DIR")
      ->required();
  app->add_option("--listen", flags->listen, "Where operators and edges connect; port 0 for any")
      ->type_name("ADDR")
      ->capture_default_str();
  app->add_option("--nodes", flags->command.nodes_file,
                  "The edges' hashed secrets (default nodes.json of the state folder)")
      ->type_name("FILE");
  app->add_option("--ready-file", flags->command.ready_file,
                  "Write the address and the public key to it as JSON once it serves")
      ->type_name("FILE");
  app->add_flag("--new-epoch", flags->command.new_epoch,
                "Begin a new control epoch: edges take its snapshots before all others. Comes by "
                "itself where the store is older than what was published");
  return {app, [flags]() -> Result<Command> {
            TDN_TRY(flags->command.listen, loopback_address("--listen", flags->listen));
            return flags->command;
          }};
}

// Runs an engine unless its own subcommand is given.
Declared declare_engine(CLI::App& root) {
  struct Flags {
    EngineCommand command;
    bool simulated = false;
    std::string listen = "127.0.0.1:8082";
  };
  auto flags = std::make_shared<Flags>();
  EngineCommand& command = flags->command;
  CLI::App* app = root.add_subcommand("engine", "Run one engine: a model behind OpenAI's API");
  app->footer(R"(Examples:
  tdn engine --model SmolLM2-135M-Instruct.Q8_0.gguf
  tdn engine --simulated --timing slow.yaml --listen 127.0.0.1:0 --ready-file ready.json
  tdn engine quantize published.gguf smaller.gguf)");
  CLI::Option* model =
      app->add_option("--model", command.llama.model_path, "The GGUF file to serve")
          ->type_name("FILE");
  app->add_flag("--simulated", flags->simulated,
                "No model: keeps realistic time, says made-up words")
      ->excludes(model);
  app->add_option("--timing", command.timing_file,
                  "How long simulated steps take (YAML, see docs/guide/engine.md)")
      ->type_name("FILE")
      ->excludes(model);
  app->add_option("--listen", flags->listen, "Where clients connect; port 0 for any")
      ->type_name("ADDR")
      ->capture_default_str();
  app->add_option("--ready-file", command.ready_file,
                  "Write address and model to it as JSON once it serves")
      ->type_name("FILE");
  app->add_option("--alias", command.alias, "The model's name in the API (default: its own)")
      ->type_name("NAME");
  add_count(*app, "--parallel", command.llama.slots, "Requests decoded together", 1, 256);
  add_count(*app, "--queue", command.queue, "Requests that may wait; beyond that 503", 0, 100'000);
  app->add_option("--context", command.llama.context,
                  "Tokens per request (default: the model's, at most 2048)")
      ->check(CLI::Range(16, 1 << 20).description(""))
      ->type_name("N");
  app->add_flag("!--no-prefix-cache", command.prefix_cache,
                "Evaluate every prompt whole: keep nothing of one request for the next");
  add_count(*app, "--threads", command.llama.threads, "Cores to decode with", 1, 256);
  app->add_option("--library", command.llama.library_folder,
                  "Where libllama is (default: where scripts/fetch-engine put it)")
      ->type_name("DIR");
  return {app, [flags]() -> Result<Command> {
            if (!flags->simulated && flags->command.llama.model_path.empty()) {
              return fail(Code::kInvalid, "give --model FILE or --simulated");
            }
            TDN_TRY(flags->command.listen, loopback_address("--listen", flags->listen));
            return flags->command;
          }};
}

Declared declare_quantize(CLI::App& engine) {
  auto command = std::make_shared<QuantizeCommand>();
  CLI::App* app = engine.add_subcommand("quantize", "Write a model anew in 8-bit blocks (Q8_0)");
  app->footer(R"(About half the size of 16-bit weights, and faster to decode.

Example:
  tdn engine quantize published.gguf smaller.gguf)");
  app->add_option("from", command->from, "The GGUF file to read")->type_name("FILE")->required();
  app->add_option("to", command->to, "The GGUF file to write")->type_name("FILE")->required();
  return {app, [command]() -> Result<Command> { return *command; }};
}

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
                         declare_journal(journal, false), declare_key_new(key)});
  const std::vector<Declared> sim = declare_sim_commands(root);
  all.insert(all.end(), sim.begin(), sim.end());
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
