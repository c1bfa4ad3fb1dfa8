#include "sim/network_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "scenario/builtin.h"

namespace tdn::sim {
namespace {

constexpr std::uint64_t kSeeds = 40;

TEST(NetworkWorld, NoStoryBreaksARule) {
  NetworkCounts counts;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const NetworkOutcome outcome = run(NetworkStory{.seed = seed});
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
    EXPECT_EQ(run(NetworkStory{.seed = seed}).trace, run(NetworkStory{.seed = seed}).trace);
  }
  EXPECT_NE(run(NetworkStory{.seed = 3}).trace, run(NetworkStory{.seed = 4}).trace);
}

struct Staged {
  std::string_view scenario;
  std::uint64_t seeds;
};
class OfAScenario : public testing::TestWithParam<Staged> {};

TEST_P(OfAScenario, NoStoryBreaksARule) {
  const scenario::Scenario scenario = scenario::builtin_scenario(GetParam().scenario);
  const Result<NetworkPlan> plan = plan_of(scenario);
  ASSERT_TRUE(plan) << to_string(plan.error());
  NetworkCounts counts;
  for (std::uint64_t seed = 1; seed <= GetParam().seeds; ++seed) {
    const NetworkOutcome outcome = run(NetworkStory{.seed = seed, .plan = &*plan});
    for (const std::string& violation : outcome.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation;
    }
    counts += outcome.counts;
  }
  EXPECT_GT(counts.finishes, 5 * GetParam().seeds);
  EXPECT_GT(counts.sold, 0U);
  // Half of what stories have on average: so few differ much.
  EXPECT_GT(counts.edge_crashes + counts.cut_off, GetParam().seeds / 2);
}

INSTANTIATE_TEST_SUITE_P(Network, OfAScenario,
                         testing::Values(Staged{"three", 20}, Staged{"sovereign", 20},
                                         Staged{"europe-six", 6}, Staged{"planet-twelve", 4}),
                         [](const auto& named) {
                           std::string name(named.param.scenario);
                           std::erase(name, '-');
                           return name;
                         });

struct Plant {
  NetworkBug bug;
  std::string_view noticed;  // by these words
};
class Planted : public testing::TestWithParam<Plant> {};

TEST_P(Planted, IsCaughtByItsRule) {
  constexpr std::uint64_t kMostSeeds = 1500;
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    const NetworkOutcome outcome = run(NetworkStory{.seed = seed, .bug = GetParam().bug});
    for (const std::string& violation : outcome.violations) {
      if (violation.find(GetParam().noticed) != std::string::npos) {
        RecordProperty("seed", static_cast<int>(seed));
        return;
      }
    }
  }
  FAIL() << "no seed caught it";
}

INSTANTIATE_TEST_SUITE_P(
    Bug, Planted,
    testing::Values(Plant{NetworkBug::kSettleBeforeJournal, "finish"},
                    Plant{NetworkBug::kAckBeforeCommit, "was told that control keeps"},
                    Plant{NetworkBug::kRetryAfterFirstByte, "got a text that no engine generated"},
                    Plant{NetworkBug::kStaleSnapshotAccepted, "went back from snapshot"},
                    Plant{NetworkBug::kFenceNotRechecked, "must not leave the fence"},
                    Plant{NetworkBug::kTokenAcceptedTwice, "was settled twice"}));

}  // namespace
}  // namespace tdn::sim
