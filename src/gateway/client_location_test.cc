#include "gateway/client_location.h"

#include <gtest/gtest.h>

namespace tdn::gateway {
namespace {

TEST(ClientLocation, ReadsTheThreeForms) {
  EXPECT_EQ(parse_client_location("DE")->country.to_string(), "DE");
  EXPECT_FALSE(parse_client_location("DE")->coordinates.has_value());
  const auto place = parse_client_location("50.11,-8.68");
  ASSERT_TRUE(place.has_value());
  EXPECT_FALSE(place->country.known());
  EXPECT_DOUBLE_EQ(place->coordinates->longitude, -8.68);
  const auto both = parse_client_location("NO;59.9,10.7");
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->country.to_string(), "NO");
  EXPECT_DOUBLE_EQ(both->coordinates->latitude, 59.9);
}

TEST(ClientLocation, RefusesEverythingElse) {
  for (const char* text : {"", "de", "Germany", "DE;", "DE;50.11", "91,0", "0,181", "nan,0",
                           "1,2,3", "50.11;8.68", "DE,50.11", ";50.11,8.68", "inf,1"}) {
    EXPECT_FALSE(parse_client_location(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tdn::gateway
