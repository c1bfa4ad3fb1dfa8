// What all shards of an edge know together about one endpoint: its health, how many requests are
// under way, and whether it asked for a pause. Lock-free; any shard may call anything at any time.
// The object outlives reloads (table.h), so a reload forgets neither health nor requests under way.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "route/health.h"

namespace tdn::route {

class alignas(64) EndpointState {
 public:
  struct LastFailure {
    Observation what = Observation::kAnswered;
    Instant when{};  // to the millisecond
  };

  void observe(Observation observation, Instant now);
  [[nodiscard]] Health health() const;

  // The engine answered 429 or 503: it is well but wants nothing until then.
  void pause_until(Instant until);
  [[nodiscard]] Instant paused_until() const {
    return Instant(paused_until_.load(std::memory_order_relaxed));
  }

  [[nodiscard]] std::uint32_t in_flight() const {
    return in_flight_.load(std::memory_order_relaxed);
  }

  // Since start; nothing if none failed.
  [[nodiscard]] std::optional<LastFailure> last_failure() const;

 private:
  friend class InFlight;

  std::atomic<std::uint64_t> health_{0};  // a packed HealthState
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::int64_t> paused_until_{0};
  std::atomic<std::uint64_t> last_failure_{0};  // milliseconds since boot · 16 + observation + 1
};

// One request under way at an endpoint; over when destroyed. The state must outlive it.
class InFlight {
 public:
  // Nothing if `concurrency` requests are under way already: another shard was quicker.
  [[nodiscard]] static std::optional<InFlight> try_begin(EndpointState& state,
                                                         std::uint32_t concurrency);
  InFlight(InFlight&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  InFlight& operator=(InFlight&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~InFlight() {
    if (state_ != nullptr) {
      state_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }
  }

 private:
  explicit InFlight(EndpointState& state) : state_(&state) {}
  EndpointState* state_;
};

}  // namespace tdn::route
