// `tdn sim network`: many stories of sim/network_world.h, one per seed. What a seed found is told
// with the command that tells its story again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sim/network_world.h"

namespace tdn::sim {

struct NetworkSimOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 200;
  NetworkBug bug = NetworkBug::kNone;
  std::string scenario;               // as the command line names it; of the command to replay
  const NetworkPlan* plan = nullptr;  // of it; borrowed
  bool print_trace = false;           // every event of every seed on standard output
  // Every so many-th story is told twice and the hashes are compared; 0: none.
  std::uint64_t repeat_every = 20;
};

// "ack-before-commit". kInvalid names what there is.
[[nodiscard]] Result<NetworkBug> parse_network_bug(std::string_view name);

// Tells the stories and prints what came of them on standard output. An error if a rule was
// violated; with a planted bug the other way round: if no seed caught it.
[[nodiscard]] Result<void> run_network_sim(const NetworkSimOptions& options);

}  // namespace tdn::sim
