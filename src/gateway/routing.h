// Routing as the request path of one shard uses it: puts together what the scorer (src/route) needs
// to know of a request, asks it, and teaches it what came of its answers.
//
// Belongs to its loop's thread; the states and the prefix table are everybody's.
#pragma once

#include <span>

#include "gateway/leg.h"
#include "gateway/request.h"
#include "gateway/request_logger.h"
#include "meter/usage_record.h"
#include "route/choose.h"
#include "route/prefix.h"

namespace tdn::gateway {

// What this request was sent to in vain.
struct Tried {
  FixedVector<domain::EndpointIndex, route::Decision::kOrdered> endpoints;
  FixedVector<domain::SiteIndex, route::Decision::kOrdered> sites;  // their edges, as a whole
  [[nodiscard]] bool none() const { return endpoints.empty() && sites.empty(); }
};

class Routing {
 public:
  // Borrowed; null: conversations are not remembered.
  Routing(route::PrefixTable* prefixes, const RequestLogger& logger)
      : prefixes_(prefixes), logger_(logger) {}

  // After policy 2: reads the request's `provider`. invalid_request, naming the member.
  [[nodiscard]] static Result<void> read_preferences(Request& request);

  // A decision and what it was about; its facts are valid until the next one on this shard.
  struct Weighed {
    route::Work work;
    route::Decision decision;
  };
  // Decides and leaves no trace.
  [[nodiscard]] Weighed weigh(const Request& request, const Tried& tried, Instant now);
  // Decides and logs it.
  [[nodiscard]] route::Decision choose(const Request& request, const Tried& tried, Instant now);
  [[nodiscard]] Error refusal(const Request& request, const route::Decision& decision) const;
  // The request goes to the best candidate: remembers that, and notes in the leg what is expected.
  void take(Request& request, const route::Decision& decision, Leg& leg, Instant now);

  // The leg ended so, with these tokens by the engine's own count.
  static void learn(const Request& request, const Leg& leg, meter::End end,
                    const meter::TokenTotals& tokens);

 private:
  [[nodiscard]] route::Request wanted(const Request& request, const Tried& tried, Instant now);
  void look_up(const Request& request, Instant now, route::CacheHits& hits);

  route::PrefixTable* prefixes_;
  const RequestLogger& logger_;
  route::Beginnings beginnings_;  // of the request that was chosen for last
  route::Scratch scratch_;
};

}  // namespace tdn::gateway
