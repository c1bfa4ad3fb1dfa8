// What routing looks up, worked out once per snapshot and site: distances from here, and the live
// state of every endpoint. Immutable but for the states; shared by all shards. A request keeps the
// table it began with, which keeps the states it counts in.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "domain/snapshot.h"
#include "route/endpoint_state.h"

namespace tdn::route {

class Table {
 public:
  // Endpoints that `previous` (may be null) knows by uid keep their state.
  [[nodiscard]] static std::shared_ptr<const Table> create(
      std::shared_ptr<const domain::Snapshot> snapshot, domain::SiteIndex here,
      const Table* previous);

  [[nodiscard]] const domain::Snapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] domain::SiteIndex here() const { return here_; }
  [[nodiscard]] EndpointState& state(domain::EndpointIndex endpoint) const {
    return *states_[endpoint.value];
  }
  // Estimated from the distance, in microseconds there and back.
  [[nodiscard]] std::uint32_t round_trip_us(domain::EndpointIndex endpoint) const {
    return round_trips_us_[endpoint.value];
  }

 private:
  Table() = default;

  std::shared_ptr<const domain::Snapshot> snapshot_;
  domain::SiteIndex here_;
  std::vector<std::shared_ptr<EndpointState>> states_;
  std::vector<std::uint32_t> round_trips_us_;
};

}  // namespace tdn::route
