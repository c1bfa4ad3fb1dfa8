#include "local/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

const scenario::Engine& Parts::engine_of(const std::string& site) const {
  return std::ranges::find(options.sites, site, &SitePlan::name)->engine;
}

std::string Parts::timing_file(const std::string& site) const {
  return state.file(fmt::format("timing/{}.yaml", site));
}

// A timing of the scenario's own, with its slots; the file of the command line where it has none.
Result<void> Parts::write_timings() const {
  TDN_TRY_VOID(make_folder(state.file("timing")));
  for (const SitePlan& site : options.sites) {
    const std::string timing = scenario::timing_yaml(site.engine);
    if (timing.empty()) {
      remove_file(timing_file(site.name));
    } else {
      TDN_TRY_VOID(write_private(timing_file(site.name), timing));
    }
  }
  return {};
}

ChildSpec Parts::engine(const std::string& site) const {
  std::vector<std::string> words = {options.program, "engine", "--listen",
                                    loopback(ports.sites.at(site).engine)};
  const scenario::Engine& plan = engine_of(site);
  const std::string& model = plan.model.empty() ? options.model_file : plan.model;
  if (!plan.simulated && !model.empty()) {
    words.insert(words.end(), {"--model", model});
    if (plan.slots > 0) {
      words.insert(words.end(), {"--parallel", std::to_string(plan.slots)});
    }
  } else {
    words.emplace_back("--simulated");
    const std::string timing =
        scenario::timing_yaml(plan).empty() ? options.timing_file : timing_file(site);
    if (!timing.empty()) {
      words.insert(words.end(), {"--timing", timing});
    }
  }
  const std::string file = site + "-engine";
  return part(engine_name(site), file, state.file("ready/" + file), std::move(words), kEngines);
}

std::string Parts::wan_file() const { return state.file("wan.json"); }
std::string Parts::wan_token_file() const { return state.file("wan-token"); }

ChildSpec Parts::wan() const {
  return part(std::string(kWanName), "wan", state.file("ready/wan"),
              {options.program, "wan", "--config", wan_file()}, kLinks);
}

std::string Parts::way(std::string_view from, std::string_view to, std::string direct) const {
  const auto link = links ? link_address(*links, from, to) : std::nullopt;
  return link ? io::to_string(*link) : std::move(direct);
}

ChildSpec Parts::edge(const std::string& site, const ControlReport& control) const {
  const SitePorts& own = ports.sites.at(site);
  const std::string at = control.control.substr(control.control.find("//") + 2);
  std::vector<std::string> words = {options.program, "edge",
                                    "--site",        site,
                                    "--control",     "http://" + way(site, kControlName, at),
                                    "--control-key", control.control_key,
                                    "--node-secret", node_secret_file(state, site),
                                    "--state",       state.file("sites/" + site),
                                    "--listen",      loopback(own.gateway),
                                    "--admin",       loopback(own.admin),
                                    "--peers",       loopback(own.peers),
                                    "--shards",      std::to_string(options.shards)};
  for (const auto& [peer, its] : ports.sites) {
    if (peer != site) {
      words.insert(words.end(),
                   {"--dial", fmt::format("{}={}", peer, way(site, peer, loopback(its.peers)))});
    }
  }
  const std::string file = site + "-edge";
  return part(edge_name(site), file, state.file("ready/" + file), std::move(words), kEdges);
}

}  // namespace tdn::local
