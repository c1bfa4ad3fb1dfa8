// What one HTTP server or client lets happen before it says no. Every number is a bound with a
// stated behaviour; none is a target.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace tdn::http {

struct ServerLimits {
  std::size_t body_bytes = std::size_t{32}
                           << 20;                 // larger: request_too_large, nothing more is read
  std::size_t connections = 20'000;               // per shard; more wait to be accepted
  Duration idle = std::chrono::seconds(75);       // between requests: closed
  Duration head = std::chrono::seconds(10);       // first byte to end of head: request_timeout
  Duration body = std::chrono::seconds(30);       // between bytes of a body: request_timeout
  Duration body_total = std::chrono::minutes(5);  // all of a body: request_timeout
  Duration write = std::chrono::seconds(60);      // client takes no byte of its answer: reset
};

struct ClientLimits {
  std::size_t connections = 4096;              // per upstream and shard; beyond that: overloaded
  std::size_t idle_connections = 1024;         // kept for re-use; the oldest goes
  Duration idle = std::chrono::seconds(60);    // unused connections are closed
  Duration connect = std::chrono::seconds(1);  // no connection: the upstream is unavailable
  Duration first_byte = std::chrono::seconds(120);  // request sent to head received
  Duration between_bytes = std::chrono::seconds(60);
};

// Bytes that request bodies may occupy in the whole process, shared by all shards. A body that does
// not fit is refused with `overloaded`; the client may retry.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes = std::size_t{256} << 20)
      : left_(static_cast<std::int64_t>(bytes)) {}
  [[nodiscard]] bool take(std::size_t bytes) {
    const auto wanted = static_cast<std::int64_t>(bytes);
    if (left_.fetch_sub(wanted, std::memory_order_relaxed) >= wanted) {
      return true;
    }
    give_back(bytes);
    return false;
  }
  void give_back(std::size_t bytes) {
    left_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> left_;
};

}  // namespace tdn::http
