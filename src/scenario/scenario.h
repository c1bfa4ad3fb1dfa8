// A scenario: a network to run, with its distances. One YAML file: a document of kind Scenario, and
// manifests as `tdn apply` takes them. The Sites among them are the network's; the rest (zones,
// tenants, policies, …) is applied with them.
//
//   apiVersion: tdn/v1
//   kind: Scenario
//   metadata: {name: three}
//   spec:
//     description: Frankfurt, Paris and Ashburn
//     rtt: {matrix: aws21, jitterMs: 0, bytesPerSecond: 0}
//     control: {region: eu-central-1}
//     sites:
//       - {name: frankfurt, region: eu-central-1, engine: {simulated: true, slots: 8}}
//     cities:
//       - {name: berlin, region: eu-central-1, accessMs: 8, country: DE, latitude: 52.52,
//          longitude: 13.4}
//
// A place is a row of the matrix, and what it takes from there to the node itself (`accessMs`, of a
// round trip). Every field: docs/reference/scenarios.md. Pure: what tdn up and the simulator build
// from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/tree.h"
#include "scenario/rtt_matrix.h"

namespace tdn::scenario {

inline constexpr std::size_t kMostSites = 12;
inline constexpr std::size_t kMostCities = 64;
inline constexpr std::string_view kControl = "control";  // its name among nodes

struct Place {
  std::string region;
  Duration access{};
};

// The engine of a site.
struct Engine {
  bool simulated = false;    // else what the command line says
  std::string model;         // a GGUF file, instead of that of the command line; empty: that
  int slots = 0;             // generated together; 0: the engine's default
  codec::yaml::Node timing;  // of a simulated one (docs/guide/engine.md); null: the defaults
  codec::yaml::Node cost;    // of its Endpoint; null: the model's price
};

struct Site {
  std::string name;
  Place place;
  Engine engine;
  codec::yaml::Node manifest;  // a whole Site
};

// Where clients are.
struct City {
  std::string name;
  Place place;
  std::string country;  // ISO 3166-1 alpha-2
  double latitude = 0;
  double longitude = 0;
};

struct Scenario {
  std::string name;
  std::string description;
  RttMatrix matrix;
  Duration jitter{};
  std::uint64_t bytes_per_second = 0;  // of every link; 0: no bound
  Place control;
  std::vector<Site> sites;
  std::vector<City> cities;
  std::vector<codec::yaml::Node> manifests;  // but the Sites

  [[nodiscard]] Duration rtt(const Place& from, const Place& to) const;
  // Whether each engine says what it is, so that the command line need not.
  [[nodiscard]] bool names_every_engine() const;
};

// Requests that the engine works on together, as far as the scenario says so; else 0.
[[nodiscard]] int slots_of(const Engine& engine);
// What a simulated engine reads as its timing file; empty if it has none of its own.
[[nodiscard]] std::string timing_yaml(const Engine& engine);

// Gives the text of the matrix that a scenario names: a built-in one, or a file.
class MatrixSource {
 public:
  [[nodiscard]] virtual Result<std::string> read(const std::string& name) const = 0;

 protected:
  ~MatrixSource() = default;
};

// kInvalid, "file:line:column: what is wrong; what to do" (several lines for manifests).
[[nodiscard]] Result<Scenario> parse_scenario(std::string_view text, const std::string& file,
                                              const MatrixSource& matrices);

}  // namespace tdn::scenario
