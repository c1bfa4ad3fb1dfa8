#include "sim/gateway_world.h"

#include <gtest/gtest.h>

namespace tdn::sim {
namespace {

TEST(GatewayWorld, TheThreeBooksAgreeAfterEveryStory) {
  GatewayCounts counts;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const GatewayOutcome outcome = run(GatewayStory{.seed = seed});
    for (const std::string& violation : outcome.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation;
    }
    counts += outcome.counts;
  }
  // The stories are worth something only if they are about something.
  EXPECT_GT(counts.finishes, 3000U);
  EXPECT_GT(counts.orphans, 500U);
  EXPECT_GT(counts.cut_answers, 500U);
  EXPECT_GT(counts.refusals, 500U);
  EXPECT_GE(counts.crashes, 1000U);
  EXPECT_GT(counts.power_losses, 300U);
  EXPECT_LT(counts.power_losses, counts.crashes - 300U);
}

TEST(GatewayWorld, OneSeedToldTwiceIsOneStory) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(run(GatewayStory{.seed = seed}).trace, run(GatewayStory{.seed = seed}).trace);
  }
  EXPECT_NE(run(GatewayStory{.seed = 1}).trace, run(GatewayStory{.seed = 2}).trace);
}

TEST(GatewayWorld, AReleaseBeforeTheSyncIsCaughtWithinAHundredSeeds) {
  bool caught = false;
  for (std::uint64_t seed = 1; seed <= 100 && !caught; ++seed) {
    caught = !run(GatewayStory{.seed = seed, .bug = books::PlantedBug::kReleaseBeforeSync})
                  .violations.empty();
  }
  EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace tdn::sim
