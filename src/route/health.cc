#include "route/health.h"

#include <algorithm>

namespace tdn::route {
namespace {

constexpr std::uint8_t kMostCounted = 255;

HealthState risen(HealthState state, Instant now) {
  const bool back = state.health == Health::kDown || state.health == Health::kEjected;
  if (back && state.was_up) {
    state.since = now;
  }
  state.health = Health::kUp;
  state.was_up = true;
  state.away = false;
  state.several = false;
  state.failures = 0;
  state.probe_failures = 0;
  state.who = kNobody;
  return state;
}

HealthState gone(HealthState state, bool away) {
  state.health = Health::kDown;
  state.away = away;
  return state;
}

HealthState failed(HealthState state, Requester who) {
  const bool another = state.failures > 0 && who != state.who;
  state.several = state.several || another || who == kNobody;
  if (state.failures == 0) {
    state.who = who;
  }
  state.failures = static_cast<std::uint8_t>(std::min<int>(state.failures + 1, kFailures));
  return state;
}

bool is_out(const HealthState& state) {
  return state.health == Health::kDown || state.health == Health::kEjected;
}

bool convicted(const HealthState& state) {
  return state.failures >= kFailures && (state.several || state.probe_failures > 0);
}

HealthState after_request(HealthState state, Observation observation, Instant now, Requester who) {
  if (is_out(state)) {
    return state;  // a late answer to an old request does not lift: only probes do
  }
  if (observation == Observation::kAnswered) {
    return risen(state, now);
  }
  state = failed(state, who);
  return convicted(state) ? ejected(state, now) : state;
}

HealthState after_probe(HealthState state, Observation observation, Instant now) {
  if (observation == Observation::kProbeAnswered) {
    state.probe_failures = 0;
    state.away = false;
    // A probe does not excuse failing requests.
    const bool held = is_out(state) && now < state.since;
    return state.health == Health::kUp || held ? state : risen(state, now);
  }
  state.probe_failures =
      static_cast<std::uint8_t>(std::min<int>(state.probe_failures + 1, kProbeFailures));
  if (state.probe_failures >= kProbeFailures) {
    return gone(state, true);
  }
  return !is_out(state) && convicted(state) ? ejected(state, now) : state;
}

}  // namespace

Requester requester_of(const Uid& tenant) {
  std::uint32_t hash = 0x811c9dc5U;  // FNV-1a
  for (const std::uint8_t byte : tenant.bytes) {
    hash = (hash ^ byte) * 0x01000193U;
  }
  constexpr std::uint32_t kMost = (1U << kRequesterBits) - 1;
  return static_cast<Requester>((hash ^ hash >> kRequesterBits) % kMost + 1);
}

bool is_failed_request(Observation observation) {
  switch (observation) {
    case Observation::kServerError:
    case Observation::kTimedOut:
    case Observation::kBroken:
    case Observation::kStalled:
      return true;
    default:
      return false;
  }
}

HealthState ejected(HealthState state, Instant now) {
  if (is_out(state)) {
    return state;
  }
  const int doublings = std::min<int>(state.falls, kMostDoublings);
  state.health = Health::kEjected;
  state.since = now + kFirstHold * (1 << doublings);
  state.falls = static_cast<std::uint8_t>(std::min<int>(state.falls + 1, kMostDoublings + 1));
  return state;
}

bool blames_one(const HealthState& state) {
  return !is_out(state) && state.failures >= kFailures && !state.several;
}

std::uint8_t trust(const HealthState& state, Instant now) {
  if (state.health != Health::kUp || state.since == Instant{} || now >= state.since + kSlowStart) {
    return 100;
  }
  const Duration well = std::max(now - state.since, Duration::zero());
  return static_cast<std::uint8_t>(kSlowStartPercent +
                                   (100 - kSlowStartPercent) * well.count() / kSlowStart.count());
}

HealthState after(HealthState state, Observation observation, Instant now, Requester who) {
  if (state.falls > 0 && state.health == Health::kUp && now >= state.since + kForgiveness) {
    state.falls = 0;
  }
  switch (observation) {
    case Observation::kAnswered:
    case Observation::kServerError:
    case Observation::kTimedOut:
    case Observation::kBroken:
    case Observation::kStalled:
      return after_request(state, observation, now, who);
    case Observation::kProbeRefused:
      state.probe_failures = kProbeFailures;
      [[fallthrough]];
    case Observation::kRefused:
      return gone(state, true);
    case Observation::kToldDown:
      return gone(state, false);
    case Observation::kToldEjected:
      // For how long is its own edge's to say.
      state.health = Health::kEjected;
      state.away = false;
      return state;
    case Observation::kProbeAnswered:
    case Observation::kProbeFailed:
      return after_probe(state, observation, now);
  }
  return state;
}

FailureWindow after(FailureWindow window, bool failed, Instant now, Requester who) {
  if (window.failed == 0 || now >= window.begin + kWindow) {
    return failed ? FailureWindow{.begin = now, .failed = 1, .several = who == kNobody, .who = who}
                  : FailureWindow{};
  }
  std::uint8_t& count = failed ? window.failed : window.answered;
  if (count == kMostCounted) {
    window.answered /= 2;
    window.failed /= 2;
  }
  ++count;
  window.several = window.several || (failed && (who == kNobody || who != window.who));
  return window;
}

bool ejects(const FailureWindow& window) {
  return window.several && window.failed >= kWindowFailures && window.failed >= window.answered;
}

}  // namespace tdn::route
