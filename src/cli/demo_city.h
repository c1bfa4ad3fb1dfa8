// Where the clients of `tdn demo` are, and which gateway each would be steered to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/tree.h"
#include "domain/geo.h"

namespace tdn::cli {

// One way into the network.
struct Entry {
  std::string site;
  std::string url;  // "http://127.0.0.1:8080"
};

struct DemoCity {
  std::string name;      // "Berlin"
  std::string location;  // "DE;52.52,13.40", as in tdn-client-location
  std::vector<Entry>
      entries;  // the nearest first: a client goes to the next where one is not there
};

// Six cities on four continents, each with every gateway of `sites` (the answer of
// GET /api/v1/sites), as DNS would steer it: by distance. kMissing if no site has a gateway.
[[nodiscard]] Result<std::vector<DemoCity>> demo_cities(const codec::yaml::Node& sites);

// The cities of a network with distances (`tdn up --scenario`): from the text of its cities.json,
// each with the addresses that lie behind its own links, nearest first. kInvalid if it is none.
[[nodiscard]] Result<std::vector<DemoCity>> read_cities(std::string_view json);

}  // namespace tdn::cli
