#include "route/endpoint_state.h"

#include <algorithm>
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

// when in milliseconds since boot 38 (8 years) | running 13 | waiting 13. Zero: no report; a
// machine that is up for no millisecond yet has none.
constexpr unsigned kCountBits = 13;
static_assert(EndpointReport::kMostCounted == (1U << kCountBits) - 1);

std::uint64_t pack(const EndpointReport& report, std::int64_t when_ms) {
  const auto bounded = [](std::uint32_t count) {
    return std::uint64_t{std::min(count, EndpointReport::kMostCounted)};
  };
  return static_cast<std::uint64_t>(when_ms) << (2 * kCountBits) |
         bounded(report.running) << kCountBits | bounded(report.waiting);
}

std::int64_t when_ms_of(std::uint64_t load) {
  return static_cast<std::int64_t>(load >> (2 * kCountBits));
}

// A moving average that takes an eighth of each new value; the first counts whole. Two shards that
// learn at once may lose one of the values, which an average can bear.
void learn(std::atomic<std::uint32_t>& average, std::uint64_t value, std::uint32_t most) {
  const std::int64_t bounded = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(std::min<std::uint64_t>(value, most)), 1, most);
  const std::int64_t before = average.load(std::memory_order_relaxed);
  const std::int64_t next = before == 0 ? bounded : before + (bounded - before) / 8;
  average.store(static_cast<std::uint32_t>(next), std::memory_order_relaxed);
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

void EndpointState::report(const EndpointReport& report, Instant measured, Instant now) {
  const std::int64_t when = std::max<std::int64_t>(milliseconds(std::min(measured, now)), 1);
  std::uint64_t before = reported_load_.load(std::memory_order_relaxed);
  const std::uint64_t next = pack(report, when);
  do {
    if (when_ms_of(before) > when) {
      return;
    }
  } while (!reported_load_.compare_exchange_weak(before, next, std::memory_order_relaxed));
  reported_ours_.store(in_flight(), std::memory_order_relaxed);
  reported_slots_.store(report.slots, std::memory_order_relaxed);
  if (report.prefill_ns_per_token > 0) {
    reported_prefill_ns_.store(std::min(report.prefill_ns_per_token, kSlowestPrefillNs),
                               std::memory_order_relaxed);
  }
  if (report.decode_us_per_token > 0) {
    reported_decode_us_.store(std::min(report.decode_us_per_token, kSlowestDecodeUs),
                              std::memory_order_relaxed);
  }
  if (report.health != Health::kUnknown) {
    observe(report.health == Health::kUp ? Observation::kProbeAnswered : Observation::kProbeRefused,
            now);
  }
}

std::optional<EndpointState::Reported> EndpointState::reported() const {
  const std::uint64_t load = reported_load_.load(std::memory_order_relaxed);
  if (load == 0) {
    return std::nullopt;
  }
  Reported found;
  found.report.running =
      static_cast<std::uint32_t>(load >> kCountBits) & EndpointReport::kMostCounted;
  found.report.waiting = static_cast<std::uint32_t>(load) & EndpointReport::kMostCounted;
  found.report.slots = reported_slots_.load(std::memory_order_relaxed);
  found.report.prefill_ns_per_token = reported_prefill_ns_.load(std::memory_order_relaxed);
  found.report.decode_us_per_token = reported_decode_us_.load(std::memory_order_relaxed);
  found.when = std::chrono::milliseconds(when_ms_of(load));
  found.ours = reported_ours_.load(std::memory_order_relaxed);
  return found;
}

void EndpointState::learn_prefill(std::uint64_t ns_per_token) {
  learn(prefill_ns_, ns_per_token, kSlowestPrefillNs);
}

void EndpointState::learn_decode(std::uint64_t us_per_token) {
  learn(decode_us_, us_per_token, kSlowestDecodeUs);
}

void EndpointState::learn_first_token(Duration waited) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(waited).count();
  learn(first_token_us_, static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)), UINT32_MAX);
}

void EndpointState::learn_cache(std::uint64_t expected, std::uint64_t found) {
  if (found > 0 && !tells_cache_.load(std::memory_order_relaxed)) {
    tells_cache_.store(true, std::memory_order_relaxed);
  }
  if (expected == 0 || !tells_cache_.load(std::memory_order_relaxed)) {
    return;
  }
  const std::int64_t share =
      static_cast<std::int64_t>(found >= expected ? kCacheSure : found * kCacheSure / expected);
  const std::int64_t before = cache_trust();
  cache_trust_.store(static_cast<std::uint32_t>(before + (share - before) / 8),
                     std::memory_order_relaxed);
}

std::uint32_t EndpointState::prefill_ns_per_token() const {
  const std::uint32_t learned = prefill_ns_.load(std::memory_order_relaxed);
  return learned != 0 ? learned : reported_prefill_ns_.load(std::memory_order_relaxed);
}

std::uint32_t EndpointState::decode_us_per_token() const {
  const std::uint32_t learned = decode_us_.load(std::memory_order_relaxed);
  return learned != 0 ? learned : reported_decode_us_.load(std::memory_order_relaxed);
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

std::optional<InFlight> InFlight::try_begin(EndpointState& state, std::uint32_t concurrency,
                                            Sent sent) {
  std::uint32_t current = state.in_flight_.load(std::memory_order_relaxed);
  while (current < concurrency) {
    if (state.in_flight_.compare_exchange_weak(current, current + 1, std::memory_order_relaxed)) {
      if (sent.tokens > 0) {
        state.pending_tokens_.fetch_add(sent.tokens, std::memory_order_relaxed);
      }
      if (sent.now > Instant{}) {
        state.last_used_.store(sent.now.count(), std::memory_order_relaxed);
      }
      return InFlight(state, sent.tokens);
    }
  }
  return std::nullopt;
}

}  // namespace tdn::route
