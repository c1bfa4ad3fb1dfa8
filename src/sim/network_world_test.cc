#include "sim/network_world.h"

#include <gtest/gtest.h>

namespace tdn::sim {
namespace {

constexpr std::uint64_t kSeeds = 25;

TEST(NetworkWorld, NoStoryBreaksARule) {
  NetworkCounts counts;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const NetworkOutcome outcome = run({.seed = seed});
    for (const std::string& violation : outcome.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation;
    }
    counts += outcome.counts;
  }
  // What the stories are for did happen.
  EXPECT_GT(counts.finishes, 10 * kSeeds);
  EXPECT_GT(counts.sold, kSeeds);
  EXPECT_GT(counts.edge_crashes, kSeeds / 2);
  EXPECT_GT(counts.control_crashes, kSeeds / 4);
  EXPECT_GT(counts.changes, kSeeds);
  EXPECT_GT(counts.old_controls, kSeeds / 4);
}

TEST(NetworkWorld, ASeedTellsTheSameStoryAgain) {
  for (const std::uint64_t seed : {3U, 11U}) {
    EXPECT_EQ(run({.seed = seed}).trace, run({.seed = seed}).trace);
  }
  EXPECT_NE(run({.seed = 3}).trace, run({.seed = 4}).trace);
}

class Planted : public testing::TestWithParam<NetworkBug> {};

TEST_P(Planted, IsCaught) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    if (!run({.seed = seed, .bug = GetParam()}).violations.empty()) {
      return;
    }
  }
  FAIL() << "no seed of 400 caught it";
}

INSTANTIATE_TEST_SUITE_P(
    Bug, Planted,
    testing::Values(NetworkBug::kSettleBeforeJournal, NetworkBug::kAckBeforeCommit,
                    NetworkBug::kRetryAfterFirstByte, NetworkBug::kStaleSnapshotAccepted,
                    NetworkBug::kFenceNotRechecked, NetworkBug::kTokenAcceptedTwice));

}  // namespace
}  // namespace tdn::sim
