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

// Sold to the edge that sent it, bought from the edge that serves it, or both here.
void put_parties(const Request& request, const Leg& leg, meter::UsageRecord& record) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Site& here = snapshot[request.catalogue->here()];
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  const domain::Site& there = snapshot[endpoint.site];
  record.owners = owners_of(request);
  if (request.hop) {
    record.side = meter::Side::kSold;
    record.admitting = request.hop->admitting;
  } else {
    record.side = leg.forwarded ? meter::Side::kBought : meter::Side::kBoth;
    record.admitting = {here.uid, here.jurisdiction_version};
  }
  record.serving = {there.uid, there.jurisdiction_version, endpoint.uid, there.owner};
}

}  // namespace

FixedVector<meter::Owner, 8> owners_of(const Request& request) {
  FixedVector<meter::Owner, 8> owners;
  if (request.hop) {
    for (const protocol::OwnerLink& owner : request.hop->token.owners) {
      owners.push_back({static_cast<meter::OwnerKind>(owner.kind), owner.uid});
    }
    return owners;
  }
  const domain::Snapshot& snapshot = request.snapshot();
  owners.push_back({meter::OwnerKind::kTenant, snapshot[request.key->tenant].uid});
  owners.push_back({meter::OwnerKind::kProject, snapshot[request.key->project].uid});
  owners.push_back({meter::OwnerKind::kKey, request.key->uid});
  return owners;
}

meter::ListPrice list_price(const Request& request) {
  const domain::Prices& prices = request.snapshot()[request.model].prices;
  return {prices.currency, prices.input, prices.cached_input, prices.output};
}

namespace {

// `best_of` of completions, which has answers generated that nobody sees; OpenAI's highest.
constexpr std::uint64_t kMostBestOf = 20;

bool is_allowed(const Request& request, const meter::UsageVector& counted) {
  if (request.scan.max_tokens.value_or(0) == 0) {  // some engines take 0 for no cap
    return true;
  }
  // Engines differ in whether the cap is of reasoning, too.
  const std::uint64_t output = counted.count(meter::TokenClass::kOutputText);
  const std::uint64_t cap = *request.scan.max_tokens;
  const std::uint64_t answers = request.scan.answers();
  if (output / answers <= cap) {
    return true;
  }
  return request.body.find("\"best_of\"") != request.body.npos &&
         output / answers / kMostBestOf <= cap;
}

}  // namespace

void Leg::report(const Request& request, const meter::UsageVector& counted) {
  if (is_allowed(request, counted)) {
    usage.report(counted);
  } else {
    overcounted = true;
  }
}

meter::UsageRecord make_record(const Request& request, const Leg& leg) {
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Model& model = snapshot[request.model];
  meter::UsageRecord record;
  record.request = request.id;
  record.leg = leg.number;
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
  record.policy.control_epoch = snapshot.origin().control_epoch;
  record.policy.snapshot_version = snapshot.origin().version;
  const std::optional<domain::ZoneIndex> zone =
      domain::allowing_zone(snapshot, *request.outcome, snapshot[leg.endpoint].site);
  if (zone) {
    record.policy.zone = snapshot[*zone].uid;
  }
  return record;
}

meter::Annexes make_annexes(const Request& request, Random& random) {
  meter::Annexes annexes;
  if (request.hop) {
    return annexes;  // the tenant's data is kept once, by the edge that buys for it
  }
  annexes.tenant.user_hash = request.user_hash;
  annexes.tenant.tags = request.tags;
  if (request.location.country.known()) {
    annexes.tenant.client_country = request.location.country.to_string();
    annexes.tenant.country_source = 1;  // said by a trusted proxy
  }
  if (annexes.tenant.has_content()) {
    random.fill(std::as_writable_bytes(std::span(annexes.tenant.salt)));
  }
  return annexes;
}

}  // namespace tdn::gateway
