// `tdn sim gateway`: many stories of sim/gateway_world.h, one per seed. What a seed found is told
// with the command that tells its story again.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "books/writer.h"

namespace tdn::sim {

struct GatewaySimOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 1000;
  books::PlantedBug bug = books::PlantedBug::kNone;
  bool print_trace = false;  // every event of every seed on standard output
  // Every so many-th story is told twice and the hashes are compared; 0: none.
  std::uint64_t repeat_every = 20;
};

// "release-before-sync". kInvalid names what there is.
[[nodiscard]] Result<books::PlantedBug> parse_planted_bug(std::string_view name);

// Tells the stories and prints what came of them on standard output. An error if a rule was
// violated; with a planted bug the other way round: if no seed caught it.
[[nodiscard]] Result<void> run_gateway_sim(const GatewaySimOptions& options);

}  // namespace tdn::sim
