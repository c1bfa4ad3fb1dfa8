// One attempt's side of the accounts: who serves, at what price, what was consumed. The last leg is
// the one that the request's record tells of.
#pragma once

#include "base/random.h"
#include "domain/snapshot.h"
#include "gateway/request.h"
#include "gateway/usage_meter.h"
#include "meter/books.h"
#include "route/endpoint_state.h"

namespace tdn::gateway {

struct Leg {
  Leg(const Request& request, domain::EndpointIndex its_endpoint)
      : endpoint(its_endpoint), usage(request.body.size()) {}

  domain::EndpointIndex endpoint;
  std::uint64_t number = 0;  // attempts of this request before it
  bool forwarded = false;    // to the edge of another site
  UsageMeter usage;
  bool overcounted = false;  // its engine claimed more output than the request allows
  codec::Finish finish = codec::Finish::kNone;
  bool streamed = false;
  bool simulated = false;
  std::string_view reason;  // code of the routing decision, a literal
  // What routing expected of it.
  std::uint32_t cached_tokens = 0;
  std::uint32_t fresh_tokens = 0;
  std::uint32_t way_us = 0;              // until the endpoint has the request, and back
  bool queued = false;                   // others are ahead
  route::InFlight* under_way = nullptr;  // borrowed, while it is
  Instant head_by = kNever;              // else it is tried elsewhere
  // Of an answer that broke off when part of it was out: the client was told, the endpoint's health
  // not yet.
  std::optional<route::Observation> broke;

  // The engine's counts so far. More output than the request allows is not believed: the answer is
  // billed by what was seen of it, marked as an estimate.
  void report(const Request& request, const meter::UsageVector& counted);
  // Whether the request may still go to another endpoint.
  [[nodiscard]] bool has_others() const { return head_by != kNever; }
};

// The request's record as far as it is known now; `end` and what follows from it are the caller's.
[[nodiscard]] meter::UsageRecord make_record(const Request& request, const Leg& leg);
// Who pays for it, outermost first.
[[nodiscard]] FixedVector<meter::Owner, 8> owners_of(const Request& request);
[[nodiscard]] meter::Annexes make_annexes(const Request& request, Random& random);
// What the model costs by its list price.
[[nodiscard]] meter::ListPrice list_price(const Request& request);

}  // namespace tdn::gateway
