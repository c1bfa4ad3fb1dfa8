// The other edge's side of a request that came through the peer listener.
#pragma once

#include "domain/snapshot.h"
#include "meter/usage_record.h"
#include "protocol/route_token.h"

namespace tdn::gateway {

struct Hop {
  protocol::RouteToken token;
  meter::AdmittingSite admitting;  // of the edge that sent it
  domain::Outcome unfenced{};      // with a planted bug alone: every site
};

// Faults that the simulator must notice; never set otherwise.
enum class PlantedBug : std::uint8_t {
  kNone,
  kTokenAcceptedTwice,   // a route token is not noted as used
  kFenceNotRechecked,    // policy is not asked again before a peer's body is read
  kRetryAfterFirstByte,  // a stream that breaks off is begun anew elsewhere
};

}  // namespace tdn::gateway
