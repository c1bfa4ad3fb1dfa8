// Places on the globe and how far they are apart: what routing and the hint of `wrong_site` go by.
#pragma once

namespace tdn::domain {

struct Coordinates {
  double latitude = 0;   // degrees, north positive
  double longitude = 0;  // degrees, east positive
};

// Along the great circle on a sphere of the Earth's mean radius; off by at most 0.6 %.
[[nodiscard]] double distance_km(Coordinates a, Coordinates b);

}  // namespace tdn::domain
