#include "route/endpoint_state.h"

#include <chrono>

namespace tdn::route {
namespace {

// health 2 bits | failures 4 | probe failures 4 | falls 4 | hold in milliseconds since boot 50.
constexpr int kHoldBits = 14;

std::int64_t milliseconds(Instant instant) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(instant).count();
}

std::uint64_t pack(const HealthState& state) {
  return static_cast<std::uint64_t>(state.health) | std::uint64_t{state.failures} << 2 |
         std::uint64_t{state.probe_failures} << 6 | std::uint64_t{state.falls} << 10 |
         static_cast<std::uint64_t>(milliseconds(state.hold)) << kHoldBits;
}

HealthState unpack(std::uint64_t bits) {
  HealthState state;
  state.health = static_cast<Health>(bits & 3);
  state.failures = static_cast<std::uint8_t>(bits >> 2 & 15);
  state.probe_failures = static_cast<std::uint8_t>(bits >> 6 & 15);
  state.falls = static_cast<std::uint8_t>(bits >> 10 & 15);
  state.hold = std::chrono::milliseconds(static_cast<std::int64_t>(bits >> kHoldBits));
  return state;
}

bool is_failure(Observation observation) {
  return observation != Observation::kAnswered && observation != Observation::kProbeAnswered;
}

}  // namespace

void EndpointState::observe(Observation observation, Instant now) {
  std::uint64_t bits = health_.load(std::memory_order_relaxed);
  while (true) {
    const std::uint64_t next = pack(after(unpack(bits), observation, now));
    // The usual case changes nothing and writes nothing, so shards do not fight for the line.
    if (next == bits || health_.compare_exchange_weak(bits, next, std::memory_order_relaxed)) {
      break;
    }
  }
  if (is_failure(observation)) {
    last_failure_.store(static_cast<std::uint64_t>(milliseconds(now)) << 4 |
                            (static_cast<std::uint64_t>(observation) + 1),
                        std::memory_order_relaxed);
  }
}

Health EndpointState::health() const {
  return static_cast<Health>(health_.load(std::memory_order_relaxed) & 3);
}

void EndpointState::pause_until(Instant until) {
  std::int64_t current = paused_until_.load(std::memory_order_relaxed);
  while (current < until.count() &&
         !paused_until_.compare_exchange_weak(current, until.count(), std::memory_order_relaxed)) {
  }
}

std::optional<EndpointState::LastFailure> EndpointState::last_failure() const {
  const std::uint64_t bits = last_failure_.load(std::memory_order_relaxed);
  if (bits == 0) {
    return std::nullopt;
  }
  return LastFailure{static_cast<Observation>((bits & 15) - 1),
                     std::chrono::milliseconds(static_cast<std::int64_t>(bits >> 4))};
}

std::optional<InFlight> InFlight::try_begin(EndpointState& state, std::uint32_t concurrency) {
  std::uint32_t current = state.in_flight_.load(std::memory_order_relaxed);
  while (current < concurrency) {
    if (state.in_flight_.compare_exchange_weak(current, current + 1, std::memory_order_relaxed)) {
      return InFlight(state);
    }
  }
  return std::nullopt;
}

}  // namespace tdn::route
