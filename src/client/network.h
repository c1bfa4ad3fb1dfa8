// How a network is at this moment, as control sees it (GET /api/v1/network): its sites, their edges
// and endpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "codec/tree.h"

namespace tdn::client {

struct EndpointView {
  std::string name;
  std::string health;  // "up", "down", "unknown"
  std::uint64_t running = 0;
  std::uint64_t waiting = 0;
  std::uint64_t tokens_per_second = 0;
  std::optional<std::uint64_t> ttft_ms;  // while any answer was seen lately
};

struct SiteView {
  std::string name;
  std::string state;  // "active", "cordoned", "draining"
  bool connected = false;
  bool quarantined = false;           // its books are not taken: a clone, or they went back
  std::optional<WallTime> last_sync;  // none: never
  std::string snapshot;               // "1.7", what its edge serves by; empty: nothing yet
  std::string acked;                  // last record that control has
  std::uint64_t late_by_seconds = 0;  // since all that it had settled was here
  std::vector<EndpointView> endpoints;

  [[nodiscard]] const EndpointView* find(std::string_view endpoint) const;
};

struct NetworkView {
  std::vector<SiteView> sites;

  [[nodiscard]] const SiteView* find(std::string_view site) const;
};

// kUpstreamError if the answer is not of that shape.
[[nodiscard]] Result<NetworkView> read_network(const codec::yaml::Node& answer);

}  // namespace tdn::client
