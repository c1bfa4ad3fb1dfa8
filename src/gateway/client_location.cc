#include "gateway/client_location.h"

#include <fmt/format.h>

#include <charconv>

namespace tdn::gateway {
namespace {

std::optional<double> degrees(std::string_view text, double bound) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= -bound) ||
      !(value <= bound)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string_view write_client_location(const ClientLocation& location, LocationRoom& room) {
  char* at = room.data();
  if (location.country.known()) {
    at = fmt::format_to(at, "{}", location.country.to_string());
  }
  if (location.coordinates) {
    at = fmt::format_to(at, "{}{:.5f},{:.5f}", at == room.data() ? "" : ";",
                        location.coordinates->latitude, location.coordinates->longitude);
  }
  return {room.data(), static_cast<std::size_t>(at - room.data())};
}

Result<ClientLocation> parse_client_location(std::string_view text) {
  const auto bad = [] {
    return fail(Code::kInvalidRequest,
                "tdn-client-location is none of `DE`, `50.11,8.68`, `DE;50.11,8.68`");
  };
  ClientLocation location;
  std::string_view place = text;
  const std::size_t semicolon = text.find(';');
  const bool has_comma = text.find(',') != std::string_view::npos;
  if (semicolon != std::string_view::npos || !has_comma) {
    const std::optional<domain::Country> country =
        domain::Country::parse(text.substr(0, semicolon));
    if (!country) {
      return bad();
    }
    location.country = *country;
    if (semicolon == std::string_view::npos) {
      return location;
    }
    place = text.substr(semicolon + 1);
  }
  const std::size_t comma = place.find(',');
  if (comma == std::string_view::npos) {
    return bad();
  }
  const std::optional<double> latitude = degrees(place.substr(0, comma), 90);
  const std::optional<double> longitude = degrees(place.substr(comma + 1), 180);
  if (!latitude || !longitude) {
    return bad();
  }
  location.coordinates = {*latitude, *longitude};
  return location;
}

}  // namespace tdn::gateway
