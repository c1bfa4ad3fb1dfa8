#include "sim/forward_world.h"

#include <gtest/gtest.h>

namespace tdn::sim {
namespace {

TEST(ForwardWorld, WhatOneEdgeBoughtTheOtherSoldAfterEveryStory) {
  ForwardCounts counts;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const ForwardOutcome outcome = run(ForwardStory{.seed = seed});
    for (const std::string& violation : outcome.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation;
    }
    counts += outcome.counts;
  }
  // The stories are worth something only if they are about something.
  EXPECT_GT(counts.finishes, 1000U);
  EXPECT_GT(counts.bought, 500U);
  EXPECT_GT(counts.sold, 500U);
  EXPECT_GT(counts.later_legs, 100U);
  EXPECT_GT(counts.orphans, 50U);
  EXPECT_GT(counts.crashes, 100U);
  EXPECT_GT(counts.fenced, 40U);
}

TEST(ForwardWorld, OneSeedToldTwiceIsOneStory) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(run(ForwardStory{.seed = seed}).trace, run(ForwardStory{.seed = seed}).trace);
  }
}

TEST(ForwardWorld, ATokenAcceptedTwiceIsCaught) {
  bool caught = false;
  for (std::uint64_t seed = 1; seed <= 400 && !caught; ++seed) {
    caught = !run(ForwardStory{.seed = seed, .bug = gateway::PlantedBug::kTokenAcceptedTwice})
                  .violations.empty();
  }
  EXPECT_TRUE(caught);
}

TEST(ForwardWorld, AFenceThatIsNotAskedForAgainIsCaught) {
  bool caught = false;
  for (std::uint64_t seed = 1; seed <= 200 && !caught; ++seed) {
    caught = !run(ForwardStory{.seed = seed, .bug = gateway::PlantedBug::kFenceNotRechecked})
                  .violations.empty();
  }
  EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace tdn::sim
