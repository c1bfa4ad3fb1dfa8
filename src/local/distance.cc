#include "local/distance.h"

#include <algorithm>
#include <utility>

namespace tdn::local {
namespace {

io::Address loopback(std::uint16_t port) {
  io::Address address = wan::any_port();
  address.port = port;
  return address;
}

}  // namespace

wan::Config plan_links(const scenario::Scenario& scenario, const PortPlan& ports,
                       std::string token_file) {
  wan::Config config{.control = wan::any_port(), .token_file = std::move(token_file), .links = {}};
  const auto add = [&](const std::string& from, const scenario::Place& here, std::string_view to,
                       const scenario::Place& there, std::uint16_t port) {
    config.links.push_back({.from = from,
                            .to = std::string(to),
                            .listen = wan::any_port(),
                            .target = loopback(port),
                            .rtt = scenario.rtt(here, there),
                            .jitter = scenario.jitter,
                            .bytes_per_second = scenario.bytes_per_second});
  };
  for (const scenario::Site& to : scenario.sites) {
    const SitePorts& its = ports.sites.at(to.name);
    for (const scenario::City& city : scenario.cities) {
      add(city.name, city.place, to.name, to.place, its.gateway);
    }
    for (const scenario::Site& from : scenario.sites) {
      if (from.name != to.name) {
        add(from.name, from.place, to.name, to.place, its.peers);
      }
    }
    add(to.name, to.place, scenario::kControl, scenario.control, ports.control);
  }
  return config;
}

std::vector<CityReport> city_reports(const scenario::Scenario& scenario,
                                     const wan::WanReport& wan) {
  std::vector<CityReport> reports;
  for (const scenario::City& city : scenario.cities) {
    CityReport& report = reports.emplace_back(CityReport{.name = city.name,
                                                         .country = city.country,
                                                         .latitude = city.latitude,
                                                         .longitude = city.longitude,
                                                         .gateways = {}});
    std::vector<const scenario::Site*> sites;
    for (const scenario::Site& site : scenario.sites) {
      sites.push_back(&site);
    }
    std::ranges::sort(sites, {}, [&](const scenario::Site* site) {
      return std::pair(scenario.rtt(city.place, site->place), site);
    });
    for (const scenario::Site* site : sites) {
      if (const auto address = link_address(wan, city.name, site->name)) {
        report.gateways.emplace_back(site->name, "http://" + io::to_string(*address));
      }
    }
    if (report.gateways.empty()) {
      reports.pop_back();  // no way in
    }
  }
  return reports;
}

std::optional<io::Address> link_address(const wan::WanReport& wan, std::string_view from,
                                        std::string_view to) {
  const auto found = std::ranges::find_if(
      wan.links, [&](const wan::LinkReport& link) { return link.from == from && link.to == to; });
  return found == wan.links.end() ? std::nullopt : std::optional(found->address);
}

}  // namespace tdn::local
