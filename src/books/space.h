// How much of the journal's space is spoken for: admissions that are queued, and what every open
// admission may still need for its settlement. While the sum stays below one segment, all open
// requests can settle into the reserve when the disk is full. Shared by all shards and the writer.
#pragma once

#include <atomic>
#include <cstdint>

namespace tdn::books {

class Space {
 public:
  explicit Space(std::uint64_t limit) : limit_(limit) {}

  // Claims unless that would pass the limit.
  [[nodiscard]] bool try_claim(std::uint64_t bytes) {
    if (claimed_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) {
      return true;
    }
    release(bytes);
    return false;
  }
  void claim(std::uint64_t bytes) { claimed_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(std::uint64_t bytes) { claimed_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t claimed() const { return claimed_.load(std::memory_order_relaxed); }

  [[nodiscard]] bool accepting() const { return accepting_.load(std::memory_order_relaxed); }
  void set_accepting(bool accepting) { accepting_.store(accepting, std::memory_order_relaxed); }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> claimed_ = 0;
  std::atomic<bool> accepting_ = false;
};

}  // namespace tdn::books
