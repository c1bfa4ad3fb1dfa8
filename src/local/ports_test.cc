#include "local/ports.h"

#include <gtest/gtest.h>

namespace tdn::local {
namespace {

TEST(Ports, SiteNumberNStartsAHundredTimesNHigherAndControlIsTenBehindTheFirst) {
  const PortPlan plan = plan_ports(parse_port_choice("8080").value(), {"paris", "ashburn"}).value();
  EXPECT_EQ(plan.control, 8090);
  EXPECT_EQ(plan.sites.at("paris"),
            (SitePorts{.gateway = 8080, .admin = 8081, .engine = 8082, .peers = 8083}));
  EXPECT_EQ(plan.sites.at("ashburn"),
            (SitePorts{.gateway = 8180, .admin = 8181, .engine = 8182, .peers = 8183}));
}

TEST(Ports, AutoLeavesEveryPortOpen) {
  const PortPlan plan = plan_ports(parse_port_choice("auto").value(), {"paris"}).value();
  EXPECT_EQ(plan, (PortPlan{.control = 0, .sites = {{"paris", {}}}}));
}

TEST(Ports, AChoiceThatLeavesNoRoomOrIsNoNumberIsRefused) {
  EXPECT_TRUE(parse_port_choice("65525").has_value());
  for (const char* text : {"65526", "0", "-1", "", "8080x", "99999999999", "Auto"}) {
    const Result<PortChoice> choice = parse_port_choice(text);
    ASSERT_FALSE(choice.has_value()) << text;
    EXPECT_NE(choice.error().detail().find("give auto, or the first port"), std::string::npos);
  }
  EXPECT_TRUE(plan_ports({.first = 65432}, {"a", "b"}).has_value());
  EXPECT_FALSE(plan_ports({.first = 65433}, {"a", "b"}).has_value());
}

TEST(Ports, WhatWasWrittenIsReadAgain) {
  const PortPlan plan = {.control = 9,
                         .sites = {{"a", {.gateway = 1, .admin = 2, .engine = 65535, .peers = 3}},
                                   {"b", {.engine = 4}}}};
  EXPECT_EQ(parse_port_plan(to_json(plan)), plan);
}

TEST(Ports, ADamagedFileIsNoPlan) {
  for (const char* text :
       {"", "{}", R"({"control":1})", R"({"control":70000,"sites":{}})",
        R"({"control":1,"sites":{"a":{"gateway":1}}})", R"({"control":1,"sites":[1]})"}) {
    EXPECT_EQ(parse_port_plan(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tdn::local
