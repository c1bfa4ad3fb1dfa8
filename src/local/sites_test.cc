#include "local/sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tdn::local {
namespace {

using testing::HasSubstr;

std::string site(const std::string& name, const std::string& more = "") {
  return "---\napiVersion: tdn/v1\nkind: Site\nmetadata: {name: " + name +
         "}\nspec: {location: {country: DE, latitude: 50, longitude: 8}" + more + "}\n";
}

std::string why_not(const std::string& text) {
  const auto sites = parse_sites(text, "s.yaml");
  return sites ? "accepted" : sites.error().detail();
}

TEST(Sites, AreFrankfurtParisAndAshburnUnlessToldOtherwise) {
  const std::vector<SitePlan> sites = default_sites();
  ASSERT_EQ(sites.size(), 3U);
  EXPECT_EQ(sites[0].name + sites[1].name + sites[2].name, "frankfurtparisashburn");
}

TEST(Sites, KeepTheirOrderAndEverythingButTheGateway) {
  const auto sites =
      parse_sites(site("zurich", ", gateway: 'http://x:1', state: cordoned") + site("bern"), "s");
  ASSERT_TRUE(sites.has_value()) << sites.error().detail();
  EXPECT_EQ(sites->at(0).name, "zurich");
  EXPECT_EQ(codec::yaml::text_at(sites->at(0).manifest, "spec.gateway"), "");
  EXPECT_EQ(codec::yaml::text_at(sites->at(0).manifest, "spec.state"), "cordoned");
  EXPECT_EQ(sites->at(1).name, "bern");
}

TEST(Sites, OtherKindsTooManyOrNoneAreRefusedByName) {
  EXPECT_THAT(why_not(site("a") + "---\napiVersion: tdn/v1\nkind: Zone\nmetadata: {name: eu}\n"
                                  "spec: {countries: [DE]}\n"),
              HasSubstr("a Zone; --sites takes nothing but Sites"));
  EXPECT_THAT(why_not(""), HasSubstr("s.yaml: 0 sites; --sites takes 1 to 12"));
  std::string many;
  for (int i = 0; i < 13; ++i) {
    many += site("s" + std::to_string(i));
  }
  EXPECT_THAT(why_not(many), HasSubstr("13 sites"));
  EXPECT_THAT(why_not(site("a", ", colour: red")), HasSubstr("s.yaml:5: spec.colour"));
  EXPECT_THAT(why_not(site("a") + site("a")), HasSubstr("s.yaml:"));
}

}  // namespace
}  // namespace tdn::local
