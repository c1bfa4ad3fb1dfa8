// One story, told by one seed: an edge with its gateway and books, two engines, a handful of
// clients, bad luck of every kind, and a crash at a random event. The edge starts again on what its
// disk kept and serves on; in the end it dies again or stops in order, recovers once more, and the
// three books are compared (sim/checker.h).
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "books/writer.h"
#include "codec/sha256.h"

namespace tdn::sim {

struct GatewayStory {
  std::uint64_t seed = 1;
  books::PlantedBug bug = books::PlantedBug::kNone;
  std::FILE* print = nullptr;  // every event, for a person to read
};

// What happened; sums over stories show whether they met what they are for.
struct GatewayCounts {
  std::uint64_t events = 0;
  std::uint64_t requests = 0;
  std::uint64_t finishes = 0;  // seen by clients
  std::uint64_t records = 0;
  std::uint64_t orphans = 0;
  std::uint64_t cut_answers = 0;  // begun, without a finish
  std::uint64_t refusals = 0;     // told by status
  std::uint64_t crashes = 0;
  std::uint64_t power_losses = 0;  // of them

  GatewayCounts& operator+=(const GatewayCounts& other);
};

struct GatewayOutcome {
  std::vector<std::string> violations;
  codec::Digest trace{};
  GatewayCounts counts;
};

[[nodiscard]] GatewayOutcome run(const GatewayStory& story);

}  // namespace tdn::sim
