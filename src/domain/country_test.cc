#include "domain/country.h"

#include <gtest/gtest.h>

#include "domain/geo.h"
#include "domain/problems.h"

namespace tdn::domain {
namespace {

TEST(Country, TakesAssignedUpperCaseCodesOnly) {
  for (const char* code : {"NO", "DE", "AD", "ZW", "GB"}) {
    const auto country = Country::parse(code);
    ASSERT_TRUE(country.has_value()) << code;
    EXPECT_EQ(country->to_string(), code);
  }
  for (const char* code : {"no", "UK", "EU", "XX", "D", "DEU", "", "D1", " DE"}) {
    EXPECT_FALSE(Country::parse(code).has_value()) << code;
  }
  EXPECT_FALSE(Country().known());
  EXPECT_NE(Country::parse("DE"), Country::parse("ED"));
}

TEST(Geo, MeasuresAlongTheGreatCircle) {
  const Coordinates frankfurt{50.11, 8.68};
  const Coordinates paris{48.86, 2.35};
  EXPECT_NEAR(distance_km(frankfurt, paris), 478, 3);
  EXPECT_DOUBLE_EQ(distance_km(paris, frankfurt), distance_km(frankfurt, paris));
  EXPECT_EQ(distance_km(paris, paris), 0);
  EXPECT_NEAR(distance_km({0, 179.5}, {0, -179.5}), 111.2, 0.1);  // across the date line
  EXPECT_NEAR(distance_km({90, 0}, {-90, 77}), 20'015, 1);
}

TEST(Names, TheNearestIsSuggestedIfItIsNear) {
  EXPECT_EQ(nearest_name("contries", {"certifications", "countries", "operators"}), "countries");
  EXPECT_EQ(nearest_name("banana", {"countries", "operators"}), "");
  EXPECT_EQ(did_you_mean("frankfort", {"frankfurt"}), "; did you mean `frankfurt`?");
  EXPECT_EQ(nearest_name(std::string(1'000, 'a'), {"aaa"}), "");
}

}  // namespace
}  // namespace tdn::domain
