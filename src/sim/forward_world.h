// One story, told by one seed: two edges of a network, each with an engine, clients at both, bad
// luck between all of them, and the crash of one edge at a random event. It starts again on what
// its disk kept; in the end both stop in order, and the books of clients, engines and both edges
// are compared: by the rules of sim/checker.h at each edge, and across them:
//
//   bought complete   exactly one record says that it was sold, complete, with the same counts
//   sold              somebody bought it
//   fenced            the engine of a site outside the fence is asked nothing
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "codec/sha256.h"
#include "gateway/hop.h"

namespace tdn::sim {

struct ForwardStory {
  std::uint64_t seed = 1;
  gateway::PlantedBug bug = gateway::PlantedBug::kNone;
  std::FILE* print = nullptr;  // every event, for a person to read
};

struct ForwardCounts {
  std::uint64_t finishes = 0;  // seen by clients
  std::uint64_t bought = 0;    // of the other edge
  std::uint64_t sold = 0;
  std::uint64_t later_legs = 0;  // bought at a later attempt than the first
  std::uint64_t orphans = 0;
  std::uint64_t crashes = 0;
  std::uint64_t fenced = 0;  // stories in which Paris must not serve

  ForwardCounts& operator+=(const ForwardCounts& other);
};

struct ForwardOutcome {
  std::vector<std::string> violations;
  codec::Digest trace{};
  ForwardCounts counts;
};

[[nodiscard]] ForwardOutcome run(const ForwardStory& story);

}  // namespace tdn::sim
