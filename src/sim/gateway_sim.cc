#include "sim/gateway_sim.h"

#include <fmt/format.h>

#include <string_view>

#include "codec/hex.h"
#include "sim/gateway_world.h"
#include "sim/print.h"

namespace tdn::sim {
namespace {

constexpr std::string_view kReleaseBeforeSync = "release-before-sync";

std::string replay_command(const GatewaySimOptions& options, std::uint64_t seed) {
  const bool planted = options.bug == books::PlantedBug::kReleaseBeforeSync;
  return fmt::format("tdn sim gateway --seeds 1 --seed {}{}{} --trace", seed,
                     planted ? " --planted " : "", planted ? kReleaseBeforeSync : "");
}

// The story of one seed, told twice where that is due.
GatewayOutcome tell(const GatewaySimOptions& options, std::uint64_t seed) {
  const GatewayStory story{
      .seed = seed, .bug = options.bug, .print = options.print_trace ? stdout : nullptr};
  GatewayOutcome outcome = run(story);
  if (options.repeat_every > 0 && seed % options.repeat_every == 0 &&
      run({.seed = seed, .bug = options.bug}).trace != outcome.trace) {
    outcome.violations.emplace_back(
        "told twice, the story differs: something is not decided by the seed");
  }
  return outcome;
}

void print_counts(const GatewayCounts& counts) {
  print(stdout,
        "  {} events, {} requests: {} finishes seen, {} answers cut, {} refused\n"
        "  {} records, {} of them orphans; {} crashes, {} of them with loss of power\n",
        counts.events, counts.requests, counts.finishes, counts.cut_answers, counts.refusals,
        counts.records, counts.orphans, counts.crashes, counts.power_losses);
}

}  // namespace

Result<books::PlantedBug> parse_planted_bug(std::string_view name) {
  if (name == kReleaseBeforeSync) {
    return books::PlantedBug::kReleaseBeforeSync;
  }
  return fail(Code::kInvalid,
              fmt::format("there is no planted bug '{}'; there is: {}", name, kReleaseBeforeSync));
}

Result<void> run_gateway_sim(const GatewaySimOptions& options) {
  const Instant start = system_clock().now();
  const bool planted = options.bug != books::PlantedBug::kNone;
  GatewayCounts counts;
  std::uint64_t failed = 0;
  std::uint64_t told = 0;
  for (; told < options.seeds && !(planted && failed > 0); ++told) {
    const std::uint64_t seed = options.first_seed + told;
    const GatewayOutcome outcome = tell(options, seed);
    counts += outcome.counts;
    if (!outcome.violations.empty()) {
      ++failed;
      for (const std::string& violation : outcome.violations) {
        print(stdout, "seed {}: {}\n", seed, violation);
      }
      print(stdout, "seed {}: replay with: {}\n", seed, replay_command(options, seed));
    }
    if (options.seeds == 1) {
      print(stdout, "trace {}\n", codec::to_hex(outcome.trace));
    }
  }
  const double seconds = std::chrono::duration<double>(system_clock().now() - start).count();
  print(stdout, "{} seeds in {:.1f} s, {:.0f} per second; {} failed\n", told, seconds,
        static_cast<double>(told) / seconds, failed);
  print_counts(counts);
  if (planted) {
    return failed > 0 ? Result<void>{}
                      : fail(Code::kInternalError, "no seed caught the planted bug");
  }
  return failed == 0 ? Result<void>{}
                     : fail(Code::kInternalError,
                            fmt::format("{} of {} seeds violated a rule", failed, told));
}

}  // namespace tdn::sim
