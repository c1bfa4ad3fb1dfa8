// A connection as a byte stream, whatever is below: TCP, TLS, an in-memory pipe, the simulated
// network. One relay loop serves them all, so what it does per event costs no virtual coroutine:
// readiness is kept as flags in this base class, waiting is a plain awaiter, and only `try_read`,
// `try_write`, `shutdown`, `close` and `abort` are virtual.
//
//   while (true) {
//     const ssize_t n = stream.try_read(buffer);
//     if (n == kWouldBlock) { if (co_await stream.readable() != Wake::kReady) … ; continue; }
//     if (n <= 0) …;                       // kEnd: the peer sent all it will; kFailed:
//     stream.error()
//   }
//
// One reader and one writer may wait at a time. Readiness is edge-triggered: try first or wait
// first, but after kWouldBlock always wait.
//
// Belongs to its loop's thread. Destroying a stream closes it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "io/task.h"

namespace tdn::io {

inline constexpr ssize_t kEnd = 0;          // reading: the peer finished sending
inline constexpr ssize_t kWouldBlock = -1;  // nothing now; wait
inline constexpr ssize_t kFailed = -2;      // the connection is gone: see error()

// Bytes to be written; laid out like the kernel's iovec.
struct Slice {
  const char* data = nullptr;
  std::size_t size = 0;
  Slice() = default;
  Slice(const char* bytes, std::size_t count) : data(bytes), size(count) {}
  Slice(std::string_view text)
      : data(text.data()), size(text.size()) {}  // NOLINT: a view is a slice
};

class Stream;

// What happened on a stream that nobody was waiting on in that direction.
enum class StreamEvent : std::uint8_t {
  kReadable,  // bytes, or the end, have arrived
  kFinished,  // the peer sent its end (FIN): it may still read (half-close)
  kGone,      // reset or error: nobody reads any more
};

// Told of events while a request is busy elsewhere: how a client that leaves cancels the work.
class StreamWatcher {
 public:
  // Must not destroy the stream; cancelling a context is what it is for.
  virtual void on_event(Stream& stream, StreamEvent event) = 0;
  // Writing may go on after it would have blocked: for streams over streams (tls.h).
  virtual void on_writable(Stream& /*stream*/) {}

 protected:
  ~StreamWatcher() = default;
};

class Stream {
 public:
  virtual ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Bytes read (> 0), kEnd, kWouldBlock or kFailed.
  virtual ssize_t try_read(std::span<char> buffer) = 0;
  // Bytes taken (> 0, perhaps fewer than offered), kWouldBlock or kFailed. At most 64 slices.
  virtual ssize_t try_write(std::span<const Slice> slices) = 0;
  // Sends our end: no more writing, reading goes on.
  virtual void shutdown() = 0;
  // Orderly close of both directions; what was written is still delivered.
  virtual void close() = 0;
  // Reset: the peer learns at once that nobody reads its answer, and stops its work.
  virtual void abort() = 0;
  // Why kFailed.
  [[nodiscard]] virtual Error error() const = 0;
  // "127.0.0.1:43210", for logs and trust decisions.
  [[nodiscard]] virtual std::string peer() const = 0;
  // Hint that the peer's data will come in small pieces that need no immediate acknowledgement.
  virtual void expect_many_small_reads() {}

  // The peer sent its end / is gone, as far as is known without reading.
  [[nodiscard]] bool peer_finished() const { return peer_finished_; }
  [[nodiscard]] bool peer_gone() const { return peer_gone_; }

  // Whether reading may give something, as far as is known without trying.
  [[nodiscard]] bool seems_readable() const { return readable_; }

  // nullptr for none. Called from the loop, when the event arrives and no one waits for it.
  void watch(StreamWatcher* watcher) { watcher_ = watcher; }

  class Ready final : public Waiter {
   public:
    Ready(Stream& stream, bool reading) : stream_(stream), reading_(reading) {}
    ~Ready() { drop(); }
    bool await_ready() const noexcept {
      return reading_ ? stream_.readable_ : stream_.writable_ || stream_.peer_gone_;
    }
    template <std::derived_from<PromiseBase> Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
      if (!park(self, *self.promise().context)) {
        return false;
      }
      (reading_ ? stream_.reader_ : stream_.writer_) = this;
      return true;
    }
    Wake await_resume() const noexcept { return outcome(); }

   private:
    void unlink() override { (reading_ ? stream_.reader_ : stream_.writer_) = nullptr; }
    Stream& stream_;
    bool reading_;
  };
  [[nodiscard]] Ready readable() { return {*this, true}; }
  [[nodiscard]] Ready writable() { return {*this, false}; }

 protected:
  Stream() = default;
  // For what is below: sets the flag and wakes whoever waits for it.
  void notify_readable();
  void notify_writable();
  void notify_finished();
  void notify_gone();

  bool readable_ = false;
  bool writable_ = true;
  bool peer_finished_ = false;
  bool peer_gone_ = false;

 private:
  void tell(StreamEvent event);
  Ready* reader_ = nullptr;
  Ready* writer_ = nullptr;
  StreamWatcher* watcher_ = nullptr;
};

// At least one byte; 0 when the peer finished. Errors: kClosed, kTimeout, kCancelled.
[[nodiscard]] Task<Result<std::size_t>> read_some(Stream& stream, std::span<char> buffer);
// All of it.
[[nodiscard]] Task<Result<void>> write_all(Stream& stream, std::span<const Slice> slices);
[[nodiscard]] Task<Result<void>> write_all(Stream& stream, std::string_view bytes);

}  // namespace tdn::io
