#include "route/health.h"

#include <algorithm>

namespace tdn::route {
namespace {

HealthState fallen(HealthState state, Instant now) {
  const int doublings = std::min<int>(state.falls, kMostDoublings);
  state.health = Health::kDown;
  state.hold = now + kFirstHold * (1 << doublings);
  state.falls = static_cast<std::uint8_t>(std::min<int>(state.falls + 1, kMostDoublings + 1));
  return state;
}

HealthState risen(HealthState state) {
  state.health = Health::kUp;
  state.failures = 0;
  state.probe_failures = 0;
  return state;
}

HealthState gone(HealthState state) {
  state.health = Health::kDown;
  return state;
}

}  // namespace

HealthState after(HealthState state, Observation observation, Instant now) {
  if (state.falls > 0 && state.health == Health::kUp && now >= state.hold + kForgiveness) {
    state.falls = 0;
  }
  switch (observation) {
    case Observation::kAnswered:
      // A late answer to an old request does not lift: only probes do.
      return state.health == Health::kDown ? state : risen(state);
    case Observation::kServerError:
    case Observation::kTimedOut:
    case Observation::kBroken:
      if (state.health == Health::kDown) {
        return state;
      }
      ++state.failures;
      return state.failures >= kFailures ? fallen(state, now) : state;
    case Observation::kRefused:
    case Observation::kProbeRefused:
      return gone(state);
    case Observation::kProbeAnswered:
      state.probe_failures = 0;
      if (state.health == Health::kUp) {
        return state;  // a probe does not excuse failing requests
      }
      return state.health == Health::kDown && now < state.hold ? state : risen(state);
    case Observation::kProbeFailed:
      state.probe_failures =
          static_cast<std::uint8_t>(std::min<int>(state.probe_failures + 1, kProbeFailures));
      return state.probe_failures >= kProbeFailures ? gone(state) : state;
  }
  return state;
}

}  // namespace tdn::route
