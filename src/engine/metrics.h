// What an operator (and a router) sees of an engine: `GET /metrics`.
#pragma once

#include <vector>

#include "base/metrics.h"
#include "engine/scheduler.h"

namespace tdn::engine {

void sample(const Scheduler& scheduler, std::vector<Sample>& samples);

}  // namespace tdn::engine
