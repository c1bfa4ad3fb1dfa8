// One subcommand of the command line: its flags, and how they become its command once all are read.
#pragma once

#include <functional>
#include <vector>

#include "app/command_line.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace tdn::app {

struct Declared {
  CLI::App* app = nullptr;
  std::function<Result<Command>()> finish;
};

// Turns an address into one that we may listen on.
[[nodiscard]] Result<io::Address> loopback_address(std::string_view flag, const std::string& text);
void add_count(CLI::App& app, const std::string& flag, int& count, const std::string& what,
               int least, int most);

[[nodiscard]] Declared declare_up(CLI::App& root, const Environment& environment);
[[nodiscard]] Declared declare_wan(CLI::App& root);
// kill, heal, cut, reset, slow, pause, list.
[[nodiscard]] std::vector<Declared> declare_chaos_commands(CLI::App& root,
                                                           const Environment& environment);
[[nodiscard]] Declared declare_control(CLI::App& root);
[[nodiscard]] Declared declare_edge(CLI::App& root);
// Runs an engine unless its own subcommand is given.
[[nodiscard]] Declared declare_engine(CLI::App& root);
[[nodiscard]] Declared declare_quantize(CLI::App& engine);
[[nodiscard]] Declared declare_requests(CLI::App& root, const Environment& environment);
[[nodiscard]] Declared declare_explain(CLI::App& root, const Environment& environment);
[[nodiscard]] Declared declare_demo(CLI::App& root, const Environment& environment);
// The commands that speak to control: apply, get, describe, delete, key issue, key revoke, usage,
// top. `key` is where `tdn key new` stands.
[[nodiscard]] std::vector<Declared> declare_operator_commands(CLI::App& root, CLI::App& key,
                                                              const Environment& environment);

[[nodiscard]] std::vector<Declared> declare_sim_commands(CLI::App& root);

}  // namespace tdn::app
