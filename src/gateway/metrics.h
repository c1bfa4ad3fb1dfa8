// What the gateway of one shard counts.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "meter/usage_record.h"

namespace tdn::gateway {

inline constexpr std::array<double, 14> kLatencyBounds{
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0};
inline constexpr std::size_t kEnds = 7;

// "complete", "client_gone", …: as metrics and log lines name it.
[[nodiscard]] std::string_view name_of(meter::End end);

struct GatewayMetrics {
  std::array<Counter, kEnds> ended;     // admitted requests by how they ended
  std::array<Counter, kCodes> refused;  // answers with an error code of ours
  Counter passed_errors;                // an engine's own 4xx passed through
  Counter input_tokens;
  Counter cached_input_tokens;
  Counter output_tokens;
  Counter estimated;      // records whose counts the engine did not give
  Counter retries;        // attempts after the first
  Counter forwarded;      // attempts at another site's edge
  Counter peer_refusals;  // those that it did not take
  Counter peer_requests;  // of other edges, taken here
  Counter events;         // events relayed
  Gauge in_flight;
  Histogram<14> first_byte{kLatencyBounds};  // request head to first byte of the answer
  Histogram<14> duration{kLatencyBounds};
  Histogram<14> settle{kLatencyBounds};  // waiting for the books

  void sample(std::vector<Sample>& samples) const;
};

}  // namespace tdn::gateway
