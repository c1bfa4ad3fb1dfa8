// The command line as values: what was asked for, with every default filled in. Wrong use is told
// in one line with status 2, help is text with status 0; nothing is run here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/apply.h"
#include "cli/chaos.h"
#include "cli/control_key.h"
#include "cli/demo.h"
#include "cli/get.h"
#include "cli/key.h"
#include "cli/requests.h"
#include "cli/site.h"
#include "cli/top.h"
#include "cli/usage.h"
#include "cli/where.h"
#include "codec/ed25519.h"
#include "engine/llama_model.h"
#include "io/network.h"
#include "io/peer_link.h"
#include "local/ports.h"
#include "protocol/snapshot_manifest.h"
#include "sim/gateway_sim.h"
#include "sim/network_sim.h"

namespace tdn::app {

// Scenarios of `tdn up`: what runs if nothing else is said, and sites without distances.
inline constexpr std::string_view kDefaultScenario = "three";
inline constexpr std::string_view kNoScenario = "none";

struct UpCommand {
  std::string model_file;  // empty: simulated
  std::string timing_file;
  std::string state;
  std::string scenario{kDefaultScenario};  // a name or a file, or kNoScenario
  std::string sites_file;
  bool simulated = false;  // said so
  local::PortChoice ports;
  std::string ready_file;
  int shards = 1;
};

// `tdn wan`.
struct WanCommand {
  std::string config_file;
  std::string ready_file;
};

// `tdn chaos`.
struct ChaosCommand {
  cli::ChaosOptions options;  // without its state folder
  cli::Where where;
  cli::WhereDefaults defaults;
};

// Either by manifests, alone, or by control, in a network.
struct EdgeCommand {
  std::string manifests;
  std::string control;  // its URL; empty: alone
  codec::Ed25519PublicKey control_key{};
  std::string node_secret_file;
  std::string site;  // empty: the only one; in a network always given
  io::Address listen;
  io::Address admin;
  std::optional<io::Address> peers;  // in a network
  io::DialMap dial;
  std::string upstream_ca;  // certificates in PEM, or empty
  int shards = 0;           // 0: one per core
  std::string state;
  int segment_mib = 16;    // of the journal
  int stall_seconds = 30;  // that a stream may pause
  std::string ready_file;
};

// `tdn control`.
struct ControlCommand {
  std::string state;
  io::Address listen;
  std::string nodes_file;  // empty: nodes.json of the state folder
  std::string ready_file;
  bool new_epoch = false;
  std::uint64_t valid_for_s = protocol::kDefaultValidForS;
};

struct EngineCommand {
  engine::LlamaOptions llama;  // no model path: simulated
  std::string timing_file;
  io::Address listen;
  std::string alias;  // the model's name in the API; empty: its own
  std::string ready_file;
  int queue = 64;
  bool prefix_cache = true;
};

// `tdn key new`.
struct KeyNewCommand {
  cli::KeyNewOptions options;
};

// What speaks to control; `tdn usage` also reads an edge's books without one.
struct OperatorCommand {
  cli::Where where;
  cli::WhereDefaults defaults;
  std::variant<cli::ApplyOptions, cli::GetOptions, cli::DescribeOptions, cli::DeleteOptions,
               cli::KeyIssueOptions, cli::KeyRevokeOptions, cli::UsageOptions, cli::TopOptions,
               cli::SiteStateOptions>
      what;
};

// `tdn requests`.
struct RequestsCommand {
  cli::RequestsOptions options;
};

// `tdn explain`: of a request that was served, or of one that is only asked about.
struct ExplainCommand {
  std::optional<cli::RecordedOptions> recorded;
  std::string gateway;  // its URL; empty: of `site`, or of the first site in `state`
  std::string site;
  std::string body_file;  // "-": standard input; empty: made of model and prompt
  std::string model;
  std::string prompt;
  std::string location;  // tdn-client-location; empty: not said
  std::string state;     // whose demo-key is used if the environment has none
  bool json = false;
};

// `tdn demo`.
struct DemoCommand {
  cli::WhereDefaults where;
  cli::DemoOptions options;
};

// `tdn journal dump DIR`, `tdn journal check DIR`.
struct JournalCommand {
  bool check = false;
  std::string folder;
};

// `tdn sim gateway`.
struct SimGatewayCommand {
  sim::GatewaySimOptions options;
};

// `tdn sim network`.
struct SimNetworkCommand {
  sim::NetworkSimOptions options;
};

struct QuantizeCommand {
  std::string from;
  std::string to;
};

// Text to print, and the status to end with: help, the version, or what is wrong.
struct ToldCommand {
  int status = 0;
  std::string text;
};

using Command =
    std::variant<ToldCommand, UpCommand, WanCommand, ChaosCommand, EdgeCommand, ControlCommand,
                 EngineCommand, QuantizeCommand, KeyNewCommand, OperatorCommand, RequestsCommand,
                 ExplainCommand, DemoCommand, JournalCommand, SimGatewayCommand, SimNetworkCommand>;

// What of the environment decides defaults.
struct Environment {
  cli::WhereDefaults where;  // the state folder of `tdn up`, and the contexts file
};

// `words` without the program's name.
[[nodiscard]] Command parse_command_line(std::vector<std::string> words,
                                         const Environment& environment);

}  // namespace tdn::app
