#include "codec/yaml_fields.h"

#include <gtest/gtest.h>

namespace tdn::codec {
namespace {

class YamlFieldsTest : public ::testing::Test {
 protected:
  YamlFields of(std::string_view text) {
    documents = yaml::parse(text, "a.yaml").value();
    return {documents.at(0), "a.yaml", "docs/a.md"};
  }
  std::vector<yaml::Node> documents;
};

TEST_F(YamlFieldsTest, TakesWhatIsThereAndWhatOtherwiseHolds) {
  YamlFields fields = of("name: x\nrtt: 1.5\non: true\n");
  EXPECT_EQ(fields.text("name").value(), "x");
  EXPECT_EQ(fields.text("other", "y").value(), "y");
  EXPECT_EQ(fields.number("rtt", {.most = 2}).value(), 1.5);
  EXPECT_EQ(fields.number("none", {.most = 2, .otherwise = 7}).value(), 7);
  EXPECT_TRUE(fields.flag("on", false).value());
  EXPECT_TRUE(fields.flag("off", true).value());
  EXPECT_TRUE(fields.done().has_value());
}

TEST_F(YamlFieldsTest, WhatNobodyTookIsToldWithItsPlace) {
  YamlFields fields = of("name: x\nrrt: 1\n");
  EXPECT_TRUE(fields.text("name").has_value());
  EXPECT_EQ(fields.done().error().detail(),
            "a.yaml:2:1: unknown field rrt; the fields are in docs/a.md");
}

TEST_F(YamlFieldsTest, FaultsAreToldWithPlaceAndRemedy) {
  YamlFields fields = of("name: []\nrtt: -1\nquoted: \"1\"\nnan: nan\non: yes\nempty: ''\n");
  EXPECT_EQ(fields.text("name").error().detail(),
            "a.yaml:1:7: name must be a text that is not empty");
  EXPECT_FALSE(fields.text("empty").has_value());
  EXPECT_EQ(fields.text("gone").error().detail(), "a.yaml:1:1: gone is missing; give it");
  EXPECT_EQ(fields.number("rtt", {.most = 2}).error().detail(),
            "a.yaml:2:6: rtt must be a number from 0 to 2");
  EXPECT_FALSE(fields.number("quoted", {.most = 2}).has_value());
  EXPECT_FALSE(fields.number("nan", {.most = 2}).has_value());
  EXPECT_FALSE(fields.number("gone", {.most = 2}).has_value());
  EXPECT_EQ(fields.flag("on", false).error().detail(), "a.yaml:5:5: on must be true or false");
}

TEST_F(YamlFieldsTest, WhatIsNoMappingHasNoFields) { EXPECT_FALSE(of("[a]\n").done().has_value()); }

}  // namespace
}  // namespace tdn::codec
