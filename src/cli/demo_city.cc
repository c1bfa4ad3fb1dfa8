#include "cli/demo_city.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "domain/country.h"

namespace tdn::cli {
namespace {

using codec::yaml::Node;
using codec::yaml::text_at;

struct Place {
  const char* name;
  const char* country;
  domain::Coordinates at;
};

constexpr Place kPlaces[] = {
    {"Berlin", "DE", {52.52, 13.40}},      {"London", "GB", {51.51, -0.13}},
    {"Madrid", "ES", {40.42, -3.70}},      {"New York", "US", {40.71, -74.01}},
    {"Sao Paulo", "BR", {-23.55, -46.63}}, {"Singapore", "SG", {1.35, 103.82}},
};

std::optional<double> number_at(const Node& node, std::string_view path) {
  const std::string_view text = text_at(node, path);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty()
             ? std::optional<double>(value)
             : std::nullopt;
}

struct Gateway {
  Entry entry;
  domain::Coordinates at;
};

std::vector<Gateway> gateways_of(const Node& sites) {
  std::vector<Gateway> gateways;
  const Node* const items = sites.find("items");
  if (items == nullptr) {
    return gateways;
  }
  for (const Node& site : items->items) {
    const auto latitude = number_at(site, "spec.location.latitude");
    const auto longitude = number_at(site, "spec.location.longitude");
    const std::string url(text_at(site, "spec.gateway"));
    if (!url.empty() && latitude && longitude) {
      gateways.push_back(
          {{std::string(text_at(site, "metadata.name")), url}, {*latitude, *longitude}});
    }
  }
  return gateways;
}

std::string location_of(std::string_view country, domain::Coordinates at) {
  return fmt::format("{};{:.2f},{:.2f}", country, at.latitude, at.longitude);
}

Result<DemoCity> read_city(const Node& node) {
  DemoCity city;
  city.name = text_at(node, "name");
  const auto latitude = number_at(node, "latitude");
  const auto longitude = number_at(node, "longitude");
  const Node* const entries = node.find("entries");
  if (city.name.empty() || !latitude || !longitude || entries == nullptr) {
    return fail(Code::kInvalid, "a city has no name, place or entries");
  }
  city.location = location_of(text_at(node, "country"), {*latitude, *longitude});
  for (const Node& entry : entries->items) {
    city.entries.push_back(
        {std::string(text_at(entry, "site")), std::string(text_at(entry, "url"))});
  }
  if (city.entries.empty()) {
    return fail(Code::kInvalid, fmt::format("the city {} has no way into the network", city.name));
  }
  return city;
}

}  // namespace

Result<std::vector<DemoCity>> demo_cities(const Node& sites) {
  const std::vector<Gateway> gateways = gateways_of(sites);
  if (gateways.empty()) {
    return fail(Code::kMissing,
                "no site of this network says where its gateway is (spec.gateway); see `tdn get "
                "sites`");
  }
  std::vector<DemoCity> cities;
  for (const Place& place : kPlaces) {
    std::vector<Gateway> ranked = gateways;
    std::ranges::sort(ranked, {}, [&place](const Gateway& gateway) {
      return std::pair(domain::distance_km(place.at, gateway.at), gateway.entry.site);
    });
    DemoCity city{place.name, location_of(place.country, place.at), {}};
    for (Gateway& gateway : ranked) {
      city.entries.push_back(std::move(gateway.entry));
    }
    cities.push_back(std::move(city));
  }
  return cities;
}

Result<std::vector<DemoCity>> read_cities(std::string_view json) {
  TDN_TRY(const Node tree, codec::yaml::from_json(json));
  std::vector<DemoCity> cities;
  if (const Node* const items = tree.find("cities")) {
    for (const Node& item : items->items) {
      TDN_TRY(DemoCity city, read_city(item));
      cities.push_back(std::move(city));
    }
  }
  if (cities.empty()) {
    return fail(Code::kInvalid, "it names no city");
  }
  return cities;
}

}  // namespace tdn::cli
