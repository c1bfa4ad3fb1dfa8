// What control counts, besides its store and its HTTP server.
#pragma once

#include <array>
#include <vector>

#include "base/metrics.h"
#include "protocol/sync.h"
#include "store/committer.h"

namespace tdn::control {

inline constexpr std::size_t kSyncFaults = 7;

struct ControlMetrics {
  Counter syncs;                              // taken
  std::array<Counter, kSyncFaults> refusals;  // by fault
  Counter malformed_syncs;
  Counter records;   // taken in
  Counter repeated;  // uploaded again
  Counter recycled;
  Counter changes;    // of the catalogue
  Counter snapshots;  // published
  Counter watches;    // begun
  Counter cut;        // watches of edges that did not keep up or came again
  Counter unauthorised;
};

struct Levels {
  std::size_t connected = 0;
  std::uint64_t snapshot_version = 0;
  std::uint64_t snapshot_bytes = 0;
  std::size_t waiting = 0;
};

void sample(const ControlMetrics& metrics, const Levels& levels,
            const store::Committer::Metrics& store, std::vector<Sample>& samples);

}  // namespace tdn::control
