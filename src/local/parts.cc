#include "local/parts.h"

#include <fmt/format.h>

#include "local/node_secrets.h"

namespace tdn::local {
namespace {

std::string loopback(std::uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

}  // namespace

std::string engine_name(std::string_view site) { return fmt::format("engine of {}", site); }
std::string edge_name(std::string_view site) { return fmt::format("edge of {}", site); }

std::string control_ready_file(const StateFolder& state) {
  return state.file("control/ready.json");
}

ChildSpec Parts::part(std::string name, std::string_view file, std::string ready_file,
                      std::vector<std::string> words, Stage stage) const {
  words.insert(words.end(), {"--ready-file", ready_file});
  return {.name = std::move(name),
          .command = {.words = std::move(words),
                      .log_file = state.file(fmt::format("logs/{}.log", file))},
          .ready_file = std::move(ready_file),
          .stage = stage};
}

ChildSpec Parts::control() const {
  return part(std::string(kControlName), "control", control_ready_file(state),
              {options.program, "control", "--state", state.file("control"), "--listen",
               loopback(ports.control)},
              kControl);
}

ChildSpec Parts::engine(const std::string& site) const {
  std::vector<std::string> words = {options.program, "engine", "--listen",
                                    loopback(ports.sites.at(site).engine)};
  if (!options.model_file.empty()) {
    words.insert(words.end(), {"--model", options.model_file});
  } else {
    words.push_back("--simulated");
    if (!options.timing_file.empty()) {
      words.insert(words.end(), {"--timing", options.timing_file});
    }
  }
  const std::string file = site + "-engine";
  return part(engine_name(site), file, state.file("ready/" + file), std::move(words), kEngines);
}

ChildSpec Parts::edge(const std::string& site, const ControlReport& control) const {
  const SitePorts& own = ports.sites.at(site);
  std::vector<std::string> words = {options.program, "edge",
                                    "--site",        site,
                                    "--control",     control.control,
                                    "--control-key", control.control_key,
                                    "--node-secret", node_secret_file(state, site),
                                    "--state",       state.file("sites/" + site),
                                    "--listen",      loopback(own.gateway),
                                    "--admin",       loopback(own.admin),
                                    "--peers",       loopback(own.peers),
                                    "--shards",      std::to_string(options.shards)};
  for (const auto& [peer, its] : ports.sites) {
    if (peer != site) {
      words.insert(words.end(), {"--dial", fmt::format("{}={}", peer, loopback(its.peers))});
    }
  }
  const std::string file = site + "-edge";
  return part(edge_name(site), file, state.file("ready/" + file), std::move(words), kEdges);
}

}  // namespace tdn::local
