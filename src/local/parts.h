// The processes of a local network: what each is called, how it is started, in which order they
// stop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/distance.h"
#include "local/ports.h"
#include "local/reports.h"
#include "local/sites.h"
#include "local/state_folder.h"
#include "local/supervisor.h"

namespace tdn::local {

struct UpOptions {
  std::string program;        // what is executed for each part: tdn itself
  std::string shown_program;  // how a person calls it
  std::string model_file;     // empty: simulated engines
  std::string timing_file;    // of simulated engines; may be empty
  int shards = 1;             // of each edge
  PortChoice ports;
  std::vector<SitePlan> sites;  // at least one
  // Whose sites these are, and how far apart; none: no distances, no cities.
  std::optional<scenario::Scenario> scenario;
  std::string ready_file;  // may be empty
  bool colours = false;
};

// Edges stop first, so that what they settled last still reaches control.
enum Stage : int { kEngines, kLinks, kControl, kEdges };

inline constexpr std::string_view kControlName = "control";
inline constexpr std::string_view kWanName = "wan";
[[nodiscard]] std::string engine_name(std::string_view site);  // "engine of paris"
[[nodiscard]] std::string edge_name(std::string_view site);    // "edge of paris"

// Control says in its own folder where it listens: commands look there.
[[nodiscard]] std::string control_ready_file(const StateFolder& state);

// Everything that command lines are made of. Borrows the first two.
struct Parts {
  const UpOptions& options;
  const StateFolder& state;
  PortPlan ports;
  std::optional<wan::WanReport> links = {};  // once they are there; edges reach others by them

  [[nodiscard]] ChildSpec control() const;
  [[nodiscard]] ChildSpec engine(const std::string& site) const;
  [[nodiscard]] ChildSpec wan() const;
  // The files that it and simulated engines with a timing of their own read.
  [[nodiscard]] std::string wan_file() const;
  [[nodiscard]] std::string wan_token_file() const;
  [[nodiscard]] Result<void> write_timings() const;
  // `control` as it told of itself.
  [[nodiscard]] ChildSpec edge(const std::string& site, const ControlReport& control) const;

 private:
  [[nodiscard]] ChildSpec part(std::string name, std::string_view file, std::string ready_file,
                               std::vector<std::string> words, Stage stage) const;
  [[nodiscard]] std::string timing_file(const std::string& site) const;
  [[nodiscard]] const scenario::Engine& engine_of(const std::string& site) const;
  // Where `from` dials to reach `to`, which itself listens at `direct`.
  [[nodiscard]] std::string way(std::string_view from, std::string_view to,
                                std::string direct) const;
};

}  // namespace tdn::local
