#include "domain/geo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tdn::domain {

// The haversine formula (Sinnott, "Virtues of the Haversine", 1984): accurate for near places,
// where the law of cosines loses its digits.
double distance_km(Coordinates a, Coordinates b) {
  constexpr double kEarthRadiusKm = 6371.0088;
  constexpr double kRadians = std::numbers::pi / 180;
  const double north = std::sin((b.latitude - a.latitude) * kRadians / 2);
  const double east = std::sin((b.longitude - a.longitude) * kRadians / 2);
  const double h = north * north +
                   std::cos(a.latitude * kRadians) * std::cos(b.latitude * kRadians) * east * east;
  return 2 * kEarthRadiusKm * std::asin(std::sqrt(std::min(h, 1.0)));
}

}  // namespace tdn::domain
