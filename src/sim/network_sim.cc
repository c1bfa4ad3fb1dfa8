#include "sim/network_sim.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/time.h"
#include "codec/hex.h"
#include "sim/print.h"

namespace tdn::sim {
namespace {

struct Named {
  std::string_view name;
  NetworkBug bug;
};
constexpr std::array<Named, 6> kBugs{{
    {"settle-before-journal", NetworkBug::kSettleBeforeJournal},
    {"ack-before-commit", NetworkBug::kAckBeforeCommit},
    {"retry-after-first-byte", NetworkBug::kRetryAfterFirstByte},
    {"stale-snapshot", NetworkBug::kStaleSnapshotAccepted},
    {"fence-not-rechecked", NetworkBug::kFenceNotRechecked},
    {"token-twice", NetworkBug::kTokenAcceptedTwice},
}};

std::string replay_command(const NetworkSimOptions& options, std::uint64_t seed) {
  const auto* planted = std::ranges::find(kBugs, options.bug, &Named::bug);
  return fmt::format("tdn sim network --seeds 1 --seed {}{}{}{}{} --trace", seed,
                     options.scenario.empty() ? "" : " --scenario ", options.scenario,
                     planted == kBugs.end() ? "" : " --planted ",
                     planted == kBugs.end() ? "" : planted->name);
}

// The story of one seed, told twice where that is due.
NetworkOutcome tell(const NetworkSimOptions& options, std::uint64_t seed) {
  NetworkStory story{.seed = seed,
                     .bug = options.bug,
                     .plan = options.plan,
                     .print = options.print_trace ? stdout : nullptr};
  NetworkOutcome outcome = run(story);
  story.print = nullptr;
  if (options.repeat_every > 0 && seed % options.repeat_every == 0 &&
      run(story).trace != outcome.trace) {
    outcome.violations.emplace_back(
        "told twice, the story differs: something is not decided by the seed");
  }
  return outcome;
}

void print_counts(const NetworkCounts& counts) {
  print(
      stdout,
      "  {} events, {} requests: {} finishes seen, {} refused; {} records at control, {} of them "
      "sold\n"
      "  {} changes by the operator, {} crashes of edges, {} of control, {} sites cut off, {} old "
      "controls\n",
      counts.events, counts.requests, counts.finishes, counts.refusals, counts.records, counts.sold,
      counts.changes, counts.edge_crashes, counts.control_crashes, counts.cut_off,
      counts.old_controls);
}

}  // namespace

Result<NetworkBug> parse_network_bug(std::string_view name) {
  const auto* found = std::ranges::find(kBugs, name, &Named::name);
  if (found != kBugs.end()) {
    return found->bug;
  }
  std::string names;
  for (const Named& each : kBugs) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", each.name);
  }
  return fail(Code::kInvalid,
              fmt::format("there is no planted bug '{}'; there are: {}", name, names));
}

Result<void> run_network_sim(const NetworkSimOptions& options) {
  const Instant start = system_clock().now();
  const bool planted = options.bug != NetworkBug::kNone;
  NetworkCounts counts;
  std::uint64_t failed = 0;
  std::uint64_t told = 0;
  for (; told < options.seeds && !(planted && failed > 0); ++told) {
    const std::uint64_t seed = options.first_seed + told;
    const NetworkOutcome outcome = tell(options, seed);
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
  print(stdout, "{} seeds in {:.1f} s, {:.1f} per second; {} failed\n", told, seconds,
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
