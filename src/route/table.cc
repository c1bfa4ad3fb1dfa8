#include "route/table.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "domain/geo.h"

namespace tdn::route {
namespace {

// Light in fibre makes 200 km per millisecond, and cables are half as long again as the great
// circle.
constexpr double kRoundTripUsPerKm = 2 * 1000.0 / 200 * 1.5;
// What a second gateway on the way does: parse, policy, books.
constexpr std::uint32_t kRelayUs = 300;

template <class State, class Objects>
std::vector<std::shared_ptr<State>> adopt(const Objects& objects, const Objects* before,
                                          const std::vector<std::shared_ptr<State>>* states) {
  std::unordered_map<Uid, std::shared_ptr<State>> known;
  if (before != nullptr) {
    for (std::size_t i = 0; i < before->size(); ++i) {
      known.emplace((*before)[i].uid, (*states)[i]);
    }
  }
  std::vector<std::shared_ptr<State>> adopted;
  for (const auto& object : objects) {
    const auto found = known.find(object.uid);
    adopted.push_back(found != known.end() ? found->second : std::make_shared<State>());
  }
  return adopted;
}

std::uint64_t bounded(Price price) {
  return std::min<std::uint64_t>(static_cast<std::uint64_t>(price.pico), kDearest);
}

void set_prices(Facts& facts, const domain::Prices& cost) {
  facts.input_pico = bounded(cost.input);
  facts.cached_pico = bounded(cost.cached_input);
  facts.output_pico = bounded(cost.output);
}

// Prices in another currency than the model's cannot be compared: they count as the dearest that
// can.
void price_strangers(const domain::Model& model, std::vector<Facts>& row) {
  Facts dearest;
  set_prices(dearest, model.prices);
  for (const Facts& facts : row) {
    if (facts.comparable) {
      dearest.input_pico = std::max(dearest.input_pico, facts.input_pico);
      dearest.cached_pico = std::max(dearest.cached_pico, facts.cached_pico);
      dearest.output_pico = std::max(dearest.output_pico, facts.output_pico);
    }
  }
  for (Facts& facts : row) {
    if (!facts.comparable) {
      facts.input_pico = dearest.input_pico;
      facts.cached_pico = dearest.cached_pico;
      facts.output_pico = dearest.output_pico;
    }
  }
}

Exclusion exclusion_of(domain::SiteState state) {
  switch (state) {
    case domain::SiteState::kCordoned:
      return Exclusion::kCordoned;
    case domain::SiteState::kDraining:
      return Exclusion::kDraining;
    case domain::SiteState::kActive:
      break;
  }
  return Exclusion::kNone;
}

}  // namespace

std::uint32_t round_trip_us(domain::Coordinates a, domain::Coordinates b) {
  return static_cast<std::uint32_t>(domain::distance_km(a, b) * kRoundTripUsPerKm);
}

std::uint32_t Table::tag_of(const Uid& endpoint) {
  std::uint32_t tag = 0;
  for (std::size_t i = 0; i < endpoint.bytes.size(); ++i) {
    tag = tag * 0x01000193U ^ endpoint.bytes[i];  // FNV-1
  }
  return tag;
}

void Table::adopt_states(const Table* previous) {
  const domain::Snapshot* before = previous == nullptr ? nullptr : previous->snapshot_.get();
  states_ = adopt<EndpointState>(snapshot_->endpoints(),
                                 before == nullptr ? nullptr : &before->endpoints(),
                                 before == nullptr ? nullptr : &previous->states_);
  models_ = adopt<ModelState>(snapshot_->models(), before == nullptr ? nullptr : &before->models(),
                              before == nullptr ? nullptr : &previous->models_);
}

void Table::make_rows() {
  for (std::uint32_t i = 0; i < snapshot_->models().size(); ++i) {
    const domain::Model& model = snapshot_->models()[i];
    std::vector<Facts>& row = rows_.emplace_back();
    for (const domain::EndpointIndex index : model.endpoints) {
      const domain::Endpoint& endpoint = (*snapshot_)[index];
      const domain::Prices& cost = endpoint.served({i})->cost;
      Facts facts;
      facts.endpoint = index;
      facts.site = endpoint.site;
      facts.exclusion = exclusion_of((*snapshot_)[endpoint.site].state);
      facts.tag = tag_of(endpoint.uid);
      facts.site_us = site_us_[endpoint.site.value];
      facts.slots = endpoint.concurrency;
      facts.relayed = relays(endpoint.site);
      facts.setup_us = facts.relayed ? kRelayUs : 0;
      facts.keeps_data = endpoint.data_collection == domain::DataCollection::kAllow;
      facts.comparable = cost.currency == model.prices.currency;
      set_prices(facts, cost);
      row.push_back(facts);
    }
    price_strangers(model, row);
  }
}

std::shared_ptr<const Table> Table::create(std::shared_ptr<const domain::Snapshot> snapshot,
                                           domain::SiteIndex here, const Table* previous,
                                           Reach reach) {
  std::shared_ptr<Table> table(new Table());
  table->snapshot_ = std::move(snapshot);
  table->here_ = here;
  const domain::Coordinates from = table->snapshot()[here].coordinates;
  for (const domain::Site& site : table->snapshot().sites()) {
    table->site_us_.push_back(route::round_trip_us(from, site.coordinates));
  }
  table->adopt_states(previous);
  table->reach_ = reach;
  table->make_rows();
  return table;
}

}  // namespace tdn::route
