// Network time (FORMATS §9): milliseconds that all edges of a network count alike, learnt from
// control with each sync. Between syncs it runs with the boot clock, so a wrong wall clock stops
// nothing. An edge that never synced uses its boot clock as it is, and has no time to tell others.
//
// Set by one thread, read by any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace tdn::protocol {

class NetworkTime {
 public:
  // `network_ms` was true at the moment `at`.
  void learn(std::uint64_t network_ms, Instant at) {
    offset_ms_.store(static_cast<std::int64_t>(network_ms) - ms(at), std::memory_order_relaxed);
    learnt_.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t at(Instant moment) const {
    return static_cast<std::uint64_t>(ms(moment) + offset_ms_.load(std::memory_order_relaxed));
  }
  [[nodiscard]] bool is_learnt() const { return learnt_.load(std::memory_order_relaxed); }

 private:
  static std::int64_t ms(Instant moment) { return moment / std::chrono::milliseconds(1); }
  std::atomic<std::int64_t> offset_ms_{0};
  std::atomic<bool> learnt_{false};
};

}  // namespace tdn::protocol
