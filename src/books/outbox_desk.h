// Where the writer and the uploader meet: one says how far the disk has come, the other what
// control has taken. Thread-safe; a few words behind a mutex, taken by the writer once per sync.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "books/entry.h"
#include "meter/outbox.h"

namespace tdn::books {

class OutboxDesk {
 public:
  using Done = std::function<void()>;

  // --- the uploader ---
  [[nodiscard]] meter::OutboxPosition position() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return position_;
  }
  // Later ones replace earlier ones that were not taken yet.
  void acknowledge(const AckEntry& ack) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ack_ = ack;
    asked_.store(true, std::memory_order_release);
  }
  // False if the books are closed: then `done` is to be called by the caller.
  [[nodiscard]] bool refresh(Done& done) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) {
      return false;
    }
    waiting_.push_back(std::move(done));
    asked_.store(true, std::memory_order_release);
    return true;
  }

  // --- the writer ---
  [[nodiscard]] bool asked() const { return asked_.load(std::memory_order_acquire); }
  struct Asked {
    std::optional<AckEntry> ack;
    std::vector<Done> waiting;
  };
  [[nodiscard]] Asked take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_.store(false, std::memory_order_release);
    return {std::exchange(ack_, std::nullopt), std::exchange(waiting_, {})};
  }
  void publish(const meter::OutboxPosition& position) {
    const std::lock_guard<std::mutex> lock(mutex_);
    position_ = position;
  }
  // Nobody will be served any more; who still waits.
  [[nodiscard]] std::vector<Done> close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    return std::exchange(waiting_, {});
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> asked_ = false;
  meter::OutboxPosition position_;
  std::optional<AckEntry> ack_;
  std::vector<Done> waiting_;
  bool closed_ = false;
};

}  // namespace tdn::books
