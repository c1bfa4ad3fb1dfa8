#include "sim/network_plan.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "scenario/builtin.h"

namespace tdn::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(NetworkPlan, TakesSitesCitiesAndSpeedsFromTheScenario) {
  const scenario::Scenario scenario = scenario::builtin_scenario("planet-twelve");
  const Result<NetworkPlan> plan = plan_of(scenario);
  ASSERT_TRUE(plan) << to_string(plan.error());
  ASSERT_EQ(plan->sites.size(), 12U);
  EXPECT_EQ(plan->cities.size(), 12U);
  EXPECT_THAT(plan->inside, ElementsAre("DE"));
  EXPECT_EQ(plan->sites[0].name, "frankfurt");
  EXPECT_TRUE(plan->sites[0].inside);
  EXPECT_FALSE(plan->sites[1].inside);
  EXPECT_EQ(plan->sites[0].room, 64U);
  EXPECT_EQ(plan->sites[0].token, std::chrono::milliseconds(8));
  EXPECT_EQ(plan->sites[0].first_token, std::chrono::milliseconds(5));
  // Each city enters at the site nearest to it.
  EXPECT_EQ(plan->cities[0].location, "DE;52.52,13.4");
  EXPECT_EQ(plan->sites[plan->cities[0].entry].name, "frankfurt");
  EXPECT_EQ(plan->sites[plan->cities[9].entry].name, "tokyo");  // Osaka's
}

TEST(NetworkPlan, ReadsWhatPoliciesLeaveToATenant) {
  const scenario::Scenario scenario = scenario::builtin_scenario("sovereign");
  const Result<NetworkPlan> plan = plan_of(scenario);
  ASSERT_TRUE(plan) << to_string(plan.error());
  const auto ministry = std::ranges::find(plan->tenants, "ministry", &PlannedTenant::name);
  ASSERT_NE(ministry, plan->tenants.end());
  EXPECT_EQ(ministry->fence, Fence::kSites);
  EXPECT_THAT(ministry->only, ElementsAre("frankfurt", "munich"));
}

TEST(NetworkPlan, LeavesEndpointsOfOthersOut) {
  const scenario::Scenario scenario = scenario::builtin_scenario("hosted");
  const Result<NetworkPlan> plan = plan_of(scenario);
  ASSERT_TRUE(plan) << to_string(plan.error());
  EXPECT_EQ(plan->sites.size(), 2U);
  EXPECT_THAT(plan->manifests, testing::Not(HasSubstr("api.openai.com")));
}

TEST(NetworkPlan, RefusesAPolicyThatItDoesNotUnderstand) {
  scenario::Scenario scenario = scenario::builtin_scenario("sovereign");
  for (codec::yaml::Node& manifest : scenario.manifests) {
    if (codec::yaml::text_at(manifest, "kind") == "Policy") {
      codec::yaml::Node& rule = manifest.entries.back().value.entries[0].value.items[0];
      rule.entries[1].value.entries[0].key = "endpointTags";
    }
  }
  const Result<NetworkPlan> plan = plan_of(scenario);
  ASSERT_FALSE(plan);
  EXPECT_THAT(to_string(plan.error()), HasSubstr("not this requirement"));
}

}  // namespace
}  // namespace tdn::sim
