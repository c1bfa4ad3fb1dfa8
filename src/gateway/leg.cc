#include "gateway/leg.h"

#include "domain/policy.h"

namespace tdn::gateway {
namespace {

std::uint64_t us_after(Instant start, Instant moment) {
  if (moment <= start) {
    return 0;
  }
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(moment - start).count());
}

void put_parties(const Request& request, const Leg& leg, meter::UsageRecord& record) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Key& key = *request.key;
  record.owners.push_back({meter::OwnerKind::kTenant, snapshot[key.tenant].uid});
  record.owners.push_back({meter::OwnerKind::kProject, snapshot[key.project].uid});
  record.owners.push_back({meter::OwnerKind::kKey, key.uid});
  const domain::Site& here = snapshot[request.catalogue->here()];
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  const domain::Site& there = snapshot[endpoint.site];
  record.admitting = {here.uid, here.jurisdiction_version};
  record.serving = {there.uid, there.jurisdiction_version, endpoint.uid, there.owner};
}

}  // namespace

meter::ListPrice list_price(const Request& request) {
  const domain::Prices& prices = request.snapshot()[request.model].prices;
  return {prices.currency, prices.input, prices.cached_input, prices.output};
}

meter::UsageRecord make_record(const Request& request, const Leg& leg) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Model& model = snapshot[request.model];
  meter::UsageRecord record;
  record.request = request.id;
  put_parties(request, leg, record);
  record.served = {model.uid, model.weights_version, {}};
  record.requested = {model.uid, request.by_alias ? meter::RequestedReason::kAlias
                                                  : meter::RequestedReason::kAsAsked};
  record.operation = static_cast<meter::Operation>(request.operation);
  record.admitted = request.arrived_wall;
  record.first_byte_us = us_after(request.arrived, request.first_byte);
  record.last_token_us = us_after(request.arrived, request.last_token);
  record.finish = static_cast<meter::Finish>(leg.finish);
  record.flags = (leg.usage.estimated() ? meter::kEstimated : 0) |
                 (leg.streamed || request.scan.stream ? meter::kStreamed : 0) |
                 (leg.simulated ? meter::kSimulated : 0);
  record.reported = leg.usage.consumed();
  record.verified = leg.usage.verified();
  record.price = {model.uid, model.price_version, 0, 0};
  const meter::ListPrice price = list_price(request);
  record.charged = {price.currency, price.charge(record.reported.totals())};
  record.policy.version = snapshot.policy_version();
  const std::optional<domain::ZoneIndex> zone =
      domain::allowing_zone(snapshot, *request.outcome, snapshot[leg.endpoint].site);
  if (zone) {
    record.policy.zone = snapshot[*zone].uid;
  }
  return record;
}

meter::Annexes make_annexes(const Request& request, Random& random) {
  meter::Annexes annexes;
  if (request.location.country.known()) {
    random.fill(std::as_writable_bytes(std::span(annexes.tenant.salt)));
    annexes.tenant.client_country = request.location.country.to_string();
    annexes.tenant.country_source = 1;  // said by a trusted proxy
  }
  return annexes;
}

}  // namespace tdn::gateway
