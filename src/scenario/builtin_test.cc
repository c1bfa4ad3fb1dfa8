
#include "scenario/builtin.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "scenario/scenario.h"

namespace tdn::scenario {
namespace {

Scenario builtin(std::string_view name) {
  const std::string_view text = find_builtin(builtin_scenarios(), name);
  EXPECT_FALSE(text.empty()) << name;
  const Result<Scenario> scenario = parse_scenario(text, std::string(name), BuiltinMatrices());
  EXPECT_TRUE(scenario.has_value()) << scenario.error().detail();
  return builtin_scenario(name);
}

TEST(Builtin, EveryScenarioIsWholeAndNamedAsItsFile) {
  for (const BuiltinFile& file : builtin_scenarios()) {
    EXPECT_EQ(builtin(file.name).name, file.name);
    EXPECT_FALSE(builtin(file.name).cities.empty()) << file.name;
    EXPECT_FALSE(builtin(file.name).description.empty()) << file.name;
  }
  EXPECT_TRUE(find_builtin(builtin_scenarios(), "atlantis").empty());
}

TEST(Builtin, TheOnesThatAreSpokenOfAreThere) {
  EXPECT_EQ(builtin("three").sites.size(), 3U);
  EXPECT_FALSE(builtin("three").names_every_engine());
  EXPECT_EQ(builtin("europe-six").sites.size(), 6U);
  EXPECT_EQ(builtin("planet-twelve").sites.size(), kMostSites);
  EXPECT_TRUE(builtin("planet-twelve").names_every_engine());
  EXPECT_FALSE(builtin("sovereign").manifests.empty());
  EXPECT_EQ(builtin("hosted").manifests.size(), 2U);
}

TEST(Builtin, DistancesAreThoseOfTheMatrixAndTheWayToIt) {
  const Scenario three = builtin("three");
  const Site& paris = three.sites[1];
  const Site& ashburn = three.sites[2];
  EXPECT_EQ(three.rtt(paris.place, ashburn.place), three.matrix.between("eu-west-3", "us-east-1"));
  const City& berlin = three.cities[0];
  EXPECT_EQ(three.rtt(berlin.place, paris.place),
            std::chrono::milliseconds(8) + three.matrix.between("eu-central-1", "eu-west-3"));
}

}  // namespace
}  // namespace tdn::scenario
