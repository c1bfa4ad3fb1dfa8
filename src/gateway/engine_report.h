// What an engine says of its load and speed in its metrics (/metrics, engine_kind.h), as a report
// for routing. Speeds are those since the last report that told one: too little work says nothing
// and is counted with what follows. Counters of an engine that was started anew begin anew.
#pragma once

#include <optional>
#include <string_view>

#include "gateway/engine_kind.h"
#include "route/endpoint_state.h"

namespace tdn::gateway {

struct WorkCounter {
  double work = 0;  // tokens read, steps made
  double seconds = 0;
  double calls = 0;  // 0: not told
};

// As they were when a speed was last told of them.
struct EngineCounters {
  WorkCounter prefill;
  WorkCounter decode;
};

// Above this share of its cache in use an engine has no room for one more: it would make others
// wait, or begin them anew. It is taken for full with what runs.
inline constexpr double kCacheFull = 0.95;

// Nothing if the text does not tell how many requests run and wait.
[[nodiscard]] std::optional<route::EndpointReport> read_engine_metrics(const EngineMetrics& metrics,
                                                                       std::string_view text,
                                                                       EngineCounters& before);

}  // namespace tdn::gateway
