// What an engine of ours says of its load and speed in its metrics (`tdn engine`, /metrics), as a
// report for routing. Speeds are those since the report before: counters of an engine that was
// started anew begin anew.
#pragma once

#include <optional>
#include <string_view>

#include "route/endpoint_state.h"

namespace tdn::gateway {

struct EngineCounters {
  double prompt_tokens = 0;
  double prefill_seconds = 0;
  double decode_steps = 0;
  double decode_seconds = 0;
};

// Nothing if the text does not tell how many requests run and wait. `before` becomes what it says.
[[nodiscard]] std::optional<route::EndpointReport> read_engine_metrics(std::string_view text,
                                                                       EngineCounters& before);

}  // namespace tdn::gateway
