// One story, told by one seed: control, the sites of a plan (sim/network_plan.h) with an edge and
// an engine each, users of its tenants, an operator who changes a fence now and then, and bad luck
// of every kind: edges and control die and start again, links lose pieces, are cut and reset, a
// site is cut off, clocks are wrong and are set, an old control comes back and offers what was in
// force once. In the end all is healed, everything is uploaded, and control's books are compared
// with what users and engines saw.
//
// What must hold at every step and at the end: sim/network_rules.h.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "codec/sha256.h"
#include "sim/network_plan.h"

namespace tdn::sim {

// Faults planted in the product's own code, each of which a rule must notice.
enum class NetworkBug : std::uint8_t {
  kNone,
  kSettleBeforeJournal,    // the end of an answer leaves before its record is on disk
  kAckBeforeCommit,        // control takes records before they are durable
  kRetryAfterFirstByte,    // a stream that breaks off is begun anew elsewhere
  kStaleSnapshotAccepted,  // an edge takes an older snapshot
  kFenceNotRechecked,      // the serving site does not ask its policy
  kTokenAcceptedTwice,     // a route token serves twice
};

struct NetworkStory {
  std::uint64_t seed = 1;
  NetworkBug bug = NetworkBug::kNone;
  const NetworkPlan* plan = nullptr;  // null: three_sites()
  std::FILE* print = nullptr;         // every event, for a person to read
};

// What happened; sums over stories show whether they met what they are for.
struct NetworkCounts {
  std::uint64_t events = 0;
  std::uint64_t requests = 0;
  std::uint64_t finishes = 0;  // seen by clients
  std::uint64_t refusals = 0;
  std::uint64_t records = 0;  // at control
  std::uint64_t sold = 0;
  std::uint64_t changes = 0;  // applied by the operator
  std::uint64_t edge_crashes = 0;
  std::uint64_t control_crashes = 0;
  std::uint64_t cut_off = 0;       // times that a site was, from all but its clients
  std::uint64_t old_controls = 0;  // times that one came back

  NetworkCounts& operator+=(const NetworkCounts& other);
};

struct NetworkOutcome {
  std::vector<std::string> violations;
  codec::Digest trace{};
  NetworkCounts counts;
};

[[nodiscard]] NetworkOutcome run(const NetworkStory& story);

}  // namespace tdn::sim
