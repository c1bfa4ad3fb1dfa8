#include "io/pipe.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace tdn::io {
namespace {

std::size_t bounded(std::size_t size, std::size_t bound) {
  return bound == 0 ? size : std::min(size, bound);
}

class PipeEnd final : public Stream {
 public:
  explicit PipeEnd(const PipeOptions& options) : options_(options) {}
  ~PipeEnd() override { close(); }

  void join(PipeEnd& other) { other_ = &other; }

  ssize_t try_read(std::span<char> buffer) override {
    if (peer_gone_ || closed_) {
      return kFailed;
    }
    const std::size_t count = std::min(bounded(buffer.size(), options_.max_read), inbox_.size());
    if (count == 0) {
      if (peer_finished_) {
        return kEnd;
      }
      readable_ = false;
      return kWouldBlock;
    }
    std::memcpy(buffer.data(), inbox_.data(), count);
    const bool was_full = inbox_.size() >= options_.capacity;
    inbox_.erase(0, count);
    if (was_full && other_ != nullptr) {
      other_->notify_writable();
    }
    return static_cast<ssize_t>(count);
  }

  ssize_t try_write(std::span<const Slice> slices) override {
    if (closed_ || finished_ || peer_gone_) {
      return kFailed;
    }
    if (other_ == nullptr) {
      notify_gone();  // as TCP: writing to a closed peer brings a reset
      return kFailed;
    }
    std::size_t room = bounded(
        options_.capacity - std::min(options_.capacity, other_->inbox_.size()), options_.max_write);
    if (room == 0) {
      writable_ = false;
      return kWouldBlock;
    }
    std::size_t taken = 0;
    for (const Slice& slice : slices) {
      const std::size_t count = std::min(slice.size, room);
      other_->inbox_.append(slice.data, count);
      taken += count;
      room -= count;
    }
    if (taken > 0) {
      other_->notify_readable();
    }
    return static_cast<ssize_t>(taken);
  }

  void shutdown() override {
    if (std::exchange(finished_, true) || other_ == nullptr) {
      return;
    }
    other_->notify_finished();
    if (other_ != nullptr) {  // its watcher may have closed it
      other_->notify_readable();
    }
  }

  void close() override {
    if (closed_) {
      return;
    }
    // As TCP: closing with unread bytes resets.
    if (!inbox_.empty()) {
      abort();
      return;
    }
    closed_ = true;
    shutdown();
    leave();
  }

  void abort() override {
    if (closed_) {
      return;
    }
    PipeEnd* other = other_;
    leave();
    if (other != nullptr) {
      other->notify_gone();
    }
  }

  [[nodiscard]] Error error() const override { return {Code::kClosed, "the peer closed the pipe"}; }
  [[nodiscard]] std::string peer() const override { return "pipe"; }

 private:
  void leave() {
    closed_ = true;
    if (PipeEnd* other = std::exchange(other_, nullptr)) {
      other->other_ = nullptr;
      other->notify_writable();
    }
  }

  PipeOptions options_;
  PipeEnd* other_ = nullptr;
  std::string inbox_;
  bool finished_ = false;
  bool closed_ = false;
};

}  // namespace

PipeEnds make_pipe(const PipeOptions& options) {
  auto first = std::make_unique<PipeEnd>(options);
  auto second = std::make_unique<PipeEnd>(options);
  first->join(*second);
  second->join(*first);
  return {std::move(first), std::move(second)};
}

}  // namespace tdn::io
