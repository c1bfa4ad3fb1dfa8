// Flags of the roles: `tdn edge`, `tdn control`, `tdn engine`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/declared.h"
#include "http/fetch.h"

namespace tdn::app {
namespace {

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
  app.add_option("--upstream-ca", flags.command.upstream_ca,
                 "Certificates (PEM) of authorities to trust for https engines, besides the "
                 "machine's own")
      ->type_name("FILE")
      ->check(CLI::ExistingFile.description(""));
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

}  // namespace

Declared declare_edge(CLI::App& root) {
  auto flags = std::make_shared<EdgeFlags>();
  CLI::App* app = root.add_subcommand("edge", "Run one edge: the gateway of a site, and its books");
  app->footer(
      R"(Alone it serves by manifests; in a network by what control sends, and goes on without it.
SIGHUP reads manifests, engines' keys and --upstream-ca again without dropping a request; SIGTERM stops: open streams
get 5 s. Exit status 75: control ordered a new epoch of the books, start it again.

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
  add_count(*app, "--stall-seconds", flags->command.stall_seconds,
            "How long an engine may pause in the middle of a stream before it is interrupted", 1,
            3600);
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
      R"help(The state folder holds control.db, the key that signs snapshots, the operators' token (operator-token),
where it serves (ready.json) and the edges' hashed secrets (nodes.json, read again on SIGHUP). All are made at the first
start but the last.
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
  app->add_option("--valid-for", flags->command.valid_for_s,
                  "How long an edge goes on taking requests without hearing of control, in seconds")
      ->check(CLI::Range(std::uint64_t{1}, protocol::kMostValidForS).description(""))
      ->type_name("SECONDS")
      ->capture_default_str();
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

}  // namespace tdn::app
