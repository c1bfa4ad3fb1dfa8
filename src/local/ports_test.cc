#include "local/ports.h"

#include <gtest/gtest.h>

namespace tdn::local {
namespace {

TEST(Ports, SiteNumberNStartsAHundredTimesNHigher) {
  const PortPlan plan = plan_ports(parse_port_choice("8080").value());
  EXPECT_EQ(plan.frankfurt, (SitePorts{.gateway = 8080, .admin = 8081, .engine = 8082}));
  EXPECT_EQ(plan.paris, (SitePorts{.engine = 8182}));
}

TEST(Ports, AutoLeavesEveryPortToTheSystem) {
  EXPECT_EQ(plan_ports(parse_port_choice("auto").value()), PortPlan{});
}

TEST(Ports, AChoiceThatLeavesNoRoomOrIsNoNumberIsRefused) {
  EXPECT_TRUE(parse_port_choice("65433").has_value());
  for (const char* text : {"65434", "0", "-1", "", "8080x", "99999999999", "Auto"}) {
    const Result<PortChoice> choice = parse_port_choice(text);
    ASSERT_FALSE(choice.has_value()) << text;
    EXPECT_NE(choice.error().detail().find("give auto, or the first port"), std::string::npos);
  }
}

TEST(Ports, WhatWasWrittenIsReadAgain) {
  const PortPlan plan = {.frankfurt = {.gateway = 1, .admin = 2, .engine = 65535},
                         .paris = {.engine = 4}};
  EXPECT_EQ(parse_port_plan(to_json(plan)), plan);
}

TEST(Ports, ADamagedFileIsNoPlan) {
  EXPECT_EQ(parse_port_plan(""), std::nullopt);
  EXPECT_EQ(parse_port_plan("{\"frankfurt\":{\"gateway\":65536}}"), std::nullopt);
  EXPECT_EQ(parse_port_plan("{\"frankfurt\":7}"), std::nullopt);
}

}  // namespace
}  // namespace tdn::local
