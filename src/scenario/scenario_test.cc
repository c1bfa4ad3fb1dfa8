#include "scenario/scenario.h"

#include <gtest/gtest.h>

#include "scenario/builtin.h"

namespace tdn::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kText = R"(apiVersion: tdn/v1
kind: Scenario
metadata: {name: two}
spec:
  rtt: {matrix: aws21, jitterMs: 0.5, bytesPerSecond: 1000000}
  control: {region: eu-west-3, accessMs: 1}
  sites:
    - {name: oslo, region: eu-north-1, accessMs: 12, engine: {simulated: true, slots: 4, timing: {meanOutput: 0}}}
    - {name: paris, region: eu-west-3}
  cities:
    - {name: bergen, region: eu-north-1, accessMs: 20, country: 'NO', latitude: 60.39, longitude: 5.32}
---
apiVersion: tdn/v1
kind: Site
metadata: {name: paris}
spec: {location: {country: FR, latitude: 48.86, longitude: 2.35}}
---
apiVersion: tdn/v1
kind: Site
metadata: {name: oslo}
spec: {location: {country: 'NO', latitude: 59.91, longitude: 10.75}}
---
apiVersion: tdn/v1
kind: Policy
metadata: {name: demo-stays-in-eu}
spec: {rules: [{match: {tenants: [demo], models: [smollm2]}, require: {zones: [eu]}}]}
)";

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kText);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

std::string told(const std::string& text) {
  const auto scenario = parse_scenario(text, "two.yaml", BuiltinMatrices());
  EXPECT_FALSE(scenario.has_value()) << text;
  return scenario ? "" : scenario.error().detail();
}

TEST(Scenario, IsReadWithItsManifests) {
  const Result<Scenario> read = parse_scenario(kText, "two.yaml", BuiltinMatrices());
  ASSERT_TRUE(read.has_value()) << read.error().detail();
  const Scenario& two = *read;
  EXPECT_EQ(two.name, "two");
  EXPECT_EQ(two.jitter, 500us);
  EXPECT_EQ(two.bytes_per_second, 1'000'000U);
  ASSERT_EQ(two.sites.size(), 2U);
  EXPECT_EQ(two.sites[0].name, "oslo");  // in the order of the Scenario, which is that of ports
  EXPECT_TRUE(two.sites[0].engine.simulated);
  EXPECT_EQ(two.sites[0].engine.slots, 4);
  EXPECT_EQ(codec::yaml::text_at(two.sites[0].manifest, "spec.location.country"), "NO");
  EXPECT_FALSE(two.sites[1].engine.simulated);
  EXPECT_FALSE(two.names_every_engine());
  ASSERT_EQ(two.cities.size(), 1U);
  EXPECT_EQ(two.cities[0].country, "NO");
  ASSERT_EQ(two.manifests.size(), 1U);
  EXPECT_EQ(two.rtt(two.cities[0].place, two.sites[0].place),
            32ms + two.matrix.between("eu-north-1", "eu-north-1"));
  EXPECT_EQ(two.rtt(two.sites[1].place, two.control),
            1ms + two.matrix.between("eu-west-3", "eu-west-3"));
}

struct Wrong {
  std::string from;
  std::string to;
  std::string told;
};

TEST(Scenario, ThatIsWrongIsToldWithItsPlaceAndRemedy) {
  const std::vector<Wrong> all = {
      {"kind: Scenario", "kind: Scenery", "two.yaml: give one document of kind Scenario"},
      {"matrix: aws21", "matrix: aws99", "two.yaml:5:17: there is no matrix aws99"},
      {"region: eu-north-1, accessMs: 12", "region: mars", "the matrix has no region 'mars'"},
      {"name: oslo, region", "name: control, region", "the name 'control' is taken"},
      {"name: bergen", "name: paris", "two.yaml:11:7: the name 'paris' is taken"},
      {"name: bergen", "name: Bergen", "name must be a DNS label"},
      {"simulated: true", "simulated: yes", "simulated must be true or false"},
      {"simulated: true, ", "", "two.yaml:8:62: timing is for simulated engines"},
      {"simulated: true, ", "simulated: true, model: a.gguf, ", "either simulated or has a model"},
      {"timing: {meanOutput: 0}", "timing: 3", "timing must be a mapping"},
      {"slots: 4", "slots: 0", "slots must be a number from 1 to 4096"},
      {"bytesPerSecond: 1000000", "bytesPerSecond: 1", "bytesPerSecond is 0, for no bound"},
      {"country: 'NO', latitude: 60.39", "country: Norway, latitude: 60.39",
       "country must be two upper-case letters (ISO 3166-1), not 'Norway'"},
      {"jitterMs: 0.5", "jitter: 0.5", "two.yaml:5:24: unknown field jitter"},
      {"metadata: {name: paris}", "metadata: {name: rome}",
       "the Site rome is not among spec.sites"},
      {"    - {name: paris, region: eu-west-3}\n", "", "the Site paris is not among spec.sites"},
      {"latitude: 60.39", "latitude: 100", "latitude must be a number from -90 to 90"},
      // Of the manifests' own check, with the lines of the file.
      {"zones: [eu]", "zones: [moon]", "two.yaml:26"},
      {"location: {country: FR", "position: {country: FR", "two.yaml:16"},
  };
  for (const Wrong& wrong : all) {
    const std::string detail = told(replaced(wrong.from, wrong.to));
    EXPECT_NE(detail.find(wrong.told), std::string::npos) << wrong.to << ": " << detail;
  }
  EXPECT_NE(told("").find("one document of kind Scenario"), std::string::npos);
}

TEST(Scenario, ASiteWithoutItsManifestIsTold) {
  const std::size_t second =
      kText.find("---\napiVersion: tdn/v1\nkind: Site\nmetadata: {name: oslo}");
  const std::size_t third = kText.find("---\napiVersion: tdn/v1\nkind: Policy");
  std::string text(kText);
  text.erase(second, third - second);
  EXPECT_NE(told(text).find("there is no Site oslo; add its manifest"), std::string::npos);
}

}  // namespace
}  // namespace tdn::scenario
