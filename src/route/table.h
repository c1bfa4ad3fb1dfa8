// What routing looks up, worked out once per snapshot and site: for each model its endpoints with
// all that does not change from request to request, and the live states. Immutable but for the
// states; shared by all shards. A request keeps the table it began with, which keeps the states it
// counts in.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "domain/snapshot.h"
#include "route/endpoint_state.h"
#include "route/model_state.h"
#include "route/weigh.h"

namespace tdn::route {

// How this edge comes to the endpoints of other sites: itself (an edge alone), or through theirs.
enum class Reach : std::uint8_t { kDirect, kPeers };

class Table {
 public:
  // Endpoints and models that `previous` (may be null) knows by uid keep their state.
  [[nodiscard]] static std::shared_ptr<const Table> create(
      std::shared_ptr<const domain::Snapshot> snapshot, domain::SiteIndex here,
      const Table* previous, Reach reach = Reach::kDirect);

  [[nodiscard]] const domain::Snapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] const std::shared_ptr<const domain::Snapshot>& shared_snapshot() const {
    return snapshot_;
  }
  [[nodiscard]] domain::SiteIndex here() const { return here_; }
  // Whether the endpoints of that site are reached through its edge.
  [[nodiscard]] bool relays(domain::SiteIndex site) const {
    return reach_ == Reach::kPeers && site != here_;
  }
  [[nodiscard]] EndpointState& state(domain::EndpointIndex endpoint) const {
    return *states_[endpoint.value];
  }
  [[nodiscard]] ModelState& model_state(domain::ModelIndex model) const {
    return *models_[model.value];
  }
  // Estimated from the distance, in microseconds there and back.
  [[nodiscard]] std::uint32_t round_trip_us(domain::EndpointIndex endpoint) const {
    return site_us_[snapshot()[endpoint].site.value];
  }
  // Of an endpoint; survives reloads and restarts. Two of a thousand are the same once in 8,000
  // catalogues; that costs a wrong guess at a cache.
  [[nodiscard]] static std::uint32_t tag_of(const Uid& endpoint);
  // By name, the fixed part of the facts of those that serve the model: their exclusion only tells
  // of the state of their site.
  [[nodiscard]] std::span<const Facts> endpoints_of(domain::ModelIndex model) const {
    return rows_[model.value];
  }

 private:
  Table() = default;
  void adopt_states(const Table* previous);
  void make_rows();

  std::shared_ptr<const domain::Snapshot> snapshot_;
  domain::SiteIndex here_;
  Reach reach_ = Reach::kDirect;
  std::vector<std::shared_ptr<EndpointState>> states_;
  std::vector<std::shared_ptr<ModelState>> models_;
  std::vector<std::uint32_t> site_us_;
  std::vector<std::vector<Facts>> rows_;  // by model
};

// Between two places, in microseconds there and back.
[[nodiscard]] std::uint32_t round_trip_us(domain::Coordinates a, domain::Coordinates b);

}  // namespace tdn::route
