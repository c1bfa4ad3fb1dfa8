// Whatever a peer says, the parser gives endpoints within their bounds or an error.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "gateway/peer_state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto endpoints = tdn::gateway::parse_peer_state(tdn::text_of({data, size}));
  if (endpoints) {
    for (const tdn::gateway::PeerEndpointState& endpoint : *endpoints) {
      TDN_ASSERT(endpoint.report.running <= tdn::route::EndpointReport::kMostCounted);
      TDN_ASSERT(endpoint.report.waiting <= tdn::route::EndpointReport::kMostCounted);
      TDN_ASSERT(static_cast<int>(endpoint.report.health) <= 2);
    }
  }
  return 0;
}
