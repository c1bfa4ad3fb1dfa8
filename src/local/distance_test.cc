#include "local/distance.h"

#include <gtest/gtest.h>

#include "scenario/builtin.h"

namespace tdn::local {
namespace {

scenario::Scenario three() { return scenario::builtin_scenario("three"); }

PortPlan ports() { return plan_ports({.first = 8080}, {"frankfurt", "paris", "ashburn"}).value(); }

const wan::LinkPlan& link(const wan::Config& config, std::string_view from, std::string_view to) {
  for (const wan::LinkPlan& one : config.links) {
    if (one.from == from && one.to == to) {
      return one;
    }
  }
  ADD_FAILURE() << from << " " << to;
  return config.links.front();
}

TEST(Distance, EveryWayOfTheNetworkIsALinkWithItsRoundTrip) {
  const scenario::Scenario scenario = three();
  const wan::Config config = plan_links(scenario, ports(), "token");
  EXPECT_EQ(config.links.size(), scenario.cities.size() * 3 + 3 * 2 + 3);
  const wan::LinkPlan& city = link(config, "new-york", "ashburn");
  EXPECT_EQ(city.target.port, 8280);
  EXPECT_EQ(city.rtt, scenario.rtt(scenario.cities[3].place, scenario.sites[2].place));
  EXPECT_EQ(link(config, "paris", "frankfurt").target.port, 8083);
  EXPECT_EQ(link(config, "ashburn", "control").target.port, 8090);
  EXPECT_EQ(link(config, "ashburn", "control").rtt,
            scenario.matrix.between("us-east-1", "eu-central-1"));
  EXPECT_EQ(city.listen.port, 0);
}

TEST(Distance, ALinkIsFoundByItsTwoEnds) {
  wan::WanReport report{.wan = "http://127.0.0.1:1", .links = {}, .pid = 1};
  report.links.push_back({"paris", "frankfurt", *io::Address::parse("127.0.0.1:9000")});
  EXPECT_EQ(link_address(report, "paris", "frankfurt")->port, 9000);
  EXPECT_FALSE(link_address(report, "frankfurt", "paris").has_value());
}

TEST(Distance, CitiesAreToldWithTheNearestSiteFirst) {
  const scenario::Scenario scenario = three();
  wan::WanReport report;
  std::uint16_t port = 1000;
  for (const wan::LinkPlan& link : plan_links(scenario, ports(), "token").links) {
    io::Address address = wan::any_port();
    address.port = ++port;
    report.links.push_back({link.from, link.to, address});
  }
  const std::vector<CityReport> cities = city_reports(scenario, report);
  ASSERT_EQ(cities.size(), scenario.cities.size());
  EXPECT_EQ(cities[3].name, "new-york");
  ASSERT_EQ(cities[3].gateways.size(), 3U);
  EXPECT_EQ(cities[3].gateways[0].first, "ashburn");
  EXPECT_EQ(cities[3].gateways[0].second,
            "http://" + io::to_string(*link_address(report, "new-york", "ashburn")));
}

}  // namespace
}  // namespace tdn::local
