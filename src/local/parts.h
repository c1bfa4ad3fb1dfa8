// The processes of a local network: what each is called, how it is started, in which order they
// stop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

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
  std::string ready_file;       // may be empty
  bool colours = false;
};

// Edges stop first, so that what they settled last still reaches control.
enum Stage : int { kEngines, kControl, kEdges };

inline constexpr std::string_view kControlName = "control";
[[nodiscard]] std::string engine_name(std::string_view site);  // "engine of paris"
[[nodiscard]] std::string edge_name(std::string_view site);    // "edge of paris"

// Control says in its own folder where it listens: commands look there.
[[nodiscard]] std::string control_ready_file(const StateFolder& state);

// Everything that command lines are made of. Borrows all but the ports.
struct Parts {
  const UpOptions& options;
  const StateFolder& state;
  PortPlan ports;

  [[nodiscard]] ChildSpec control() const;
  [[nodiscard]] ChildSpec engine(const std::string& site) const;
  // `control` as it told of itself.
  [[nodiscard]] ChildSpec edge(const std::string& site, const ControlReport& control) const;

 private:
  [[nodiscard]] ChildSpec part(std::string name, std::string_view file, std::string ready_file,
                               std::vector<std::string> words, Stage stage) const;
};

}  // namespace tdn::local
