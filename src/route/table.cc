#include "route/table.h"

#include <unordered_map>
#include <utility>

#include "domain/geo.h"

namespace tdn::route {
namespace {

// Light in fibre makes 200 km per millisecond, and cables are half as long again as the great
// circle.
constexpr double kRoundTripUsPerKm = 2 * 1000.0 / 200 * 1.5;

}  // namespace

std::shared_ptr<const Table> Table::create(std::shared_ptr<const domain::Snapshot> snapshot,
                                           domain::SiteIndex here, const Table* previous) {
  std::unordered_map<Uid, std::shared_ptr<EndpointState>> known;
  if (previous != nullptr) {
    for (std::size_t i = 0; i < previous->states_.size(); ++i) {
      known.emplace(previous->snapshot().endpoints()[i].uid, previous->states_[i]);
    }
  }
  std::shared_ptr<Table> table(new Table());
  const domain::Coordinates from = (*snapshot)[here].coordinates;
  for (const domain::Endpoint& endpoint : snapshot->endpoints()) {
    const double km = domain::distance_km(from, (*snapshot)[endpoint.site].coordinates);
    table->round_trips_us_.push_back(static_cast<std::uint32_t>(km * kRoundTripUsPerKm));
    const auto found = known.find(endpoint.uid);
    table->states_.push_back(found != known.end() ? found->second
                                                  : std::make_shared<EndpointState>());
  }
  table->snapshot_ = std::move(snapshot);
  table->here_ = here;
  return table;
}

}  // namespace tdn::route
