// One client's connection, request by request: read the head, decide, read the body or do not,
// answer. Nothing is read beyond what was asked for; what came together with a head all the same is
// wiped if the body is not asked for, so nothing of it stays behind.
//
//   while (true) {
//     TDN_CO_TRY(const bool more, co_await connection.read_head());
//     if (!more) break;
//     … connection.head() …
//     TDN_CO_TRY(const std::string_view body, co_await connection.read_body());
//     co_await connection.respond(answer);
//     if (!co_await connection.finish()) break;
//   }
//
// Memory: one buffer holds head and body; it starts at 2 KiB, grows as needed, and shrinks back
// after each request. `release_request` gives it up early, for answers that stream for minutes.
//
// A client that sends its end (half-close) still gets its answer. One that resets is gone: the
// watcher given to `watch` hears it at once.
//
// Belongs to its loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/byte_buffer.h"
#include "codec/field_lines.h"
#include "codec/http1.h"
#include "http/limits.h"
#include "io/maybe_task.h"
#include "io/stream.h"

namespace tdn::http {

// An answer known whole. Views need to last until `respond` returns.
struct Answer {
  int status = 200;
  std::string_view content_type = "application/json";
  std::span<const codec::Field> fields;  // further ones
  std::string_view body;
};

// What a handler keeps with a connection from one request to the next; destroyed with it.
class Attachment {
 public:
  virtual ~Attachment() = default;
};

class ServerConnection {
 public:
  // `limits` and `budget` are borrowed.
  ServerConnection(std::unique_ptr<io::Stream> stream, const ServerLimits& limits,
                   BodyBudget& budget);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // True: head() holds the next request. False: the client is done, or was idle for too long; just
  // close. Errors to be answered: invalid_request, headers_too_large, request_timeout; others
  // (kClosed, kCancelled): nobody is there to answer.
  [[nodiscard]] io::Task<Result<bool>> read_head();
  [[nodiscard]] const codec::RequestHead& head() const { return parser_.head(); }
  // Between requests, nothing received of the next one.
  [[nodiscard]] bool idle() const { return idle_; }
  // Since when nothing was received; of an idle one.
  [[nodiscard]] Instant idle_since() const { return idle_since_; }

  // The whole body, de-chunked, followed by `kScratchPadding` readable bytes; empty if there is
  // none. Sends `100 Continue` first if the client waits for it. Valid, like head(), until
  // release_request, finish or destruction. Errors: request_too_large, overloaded (the process'
  // budget), invalid_request (chunking), request_timeout, kClosed, kCancelled.
  [[nodiscard]] io::MaybeTask<Result<std::string_view>> read_body();

  // Frees head and body; what the client sent beyond them is kept.
  void release_request();
  // Overwrites with zeros what was received and not yet parsed as a request head, then frees it:
  // for requests that this site may not read.
  void wipe_unread();

  // Writes a whole answer with content-length, or without the body if the request was HEAD. With
  // the body unread the connection cannot be used again: the answer says `connection: close`.
  [[nodiscard]] io::Task<Result<void>> respond(const Answer& answer);

  // An answer that comes bit by bit. The head leaves together with the first bytes. `length` known:
  // content-length; otherwise chunks, or until close for HTTP/1.0.
  [[nodiscard]] Result<void> begin(int status, const codec::FieldLines& fields,
                                   std::optional<std::uint64_t> length = std::nullopt);
  // Sends the slices as one chunk. They may point into the thread's scratch. At most 12 slices.
  // Answers to HEAD, 204 and 304 have no body: only the head is sent. More bytes than `length`, or
  // an end before it, are `internal_error`, and the connection does not survive it.
  [[nodiscard]] io::MaybeTask<Result<void>> write(std::span<const io::Slice> slices);
  // Sends last slices, if any, and the end of the answer.
  [[nodiscard]] io::MaybeTask<Result<void>> end(std::span<const io::Slice> slices = {});
  // Sends an interim `100 Continue` while the answer has not begun. To a peer that closed both
  // directions this brings a reset, which is how a client that only seems half-closed is told apart
  // from one that left (docs/decisions/0007-half-close.md).
  void probe_client();

  // After an answer: true if the next request may be read. False: the connection was or will be
  // closed; if the client may still be sending, its bytes are read and dropped for a moment, so
  // that the answer is not lost to a reset. An answer that was begun and not ended is reset here.
  [[nodiscard]] io::MaybeTask<bool> finish();

  // The answer will be the last on this connection.
  void close_after_answer() { keep_alive_ = false; }
  // Resets: the client must not take what it got for a complete answer.
  void abort();

  // Something of an answer was handed to the stream; all of it was.
  [[nodiscard]] bool answer_begun() const { return answer_ != AnswerState::kNone; }
  [[nodiscard]] bool answer_complete() const { return answer_ == AnswerState::kDone; }
  [[nodiscard]] io::Stream& stream() { return *stream_; }
  [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }
  // Null until the handler put something there.
  [[nodiscard]] std::unique_ptr<Attachment>& attachment() { return attachment_; }

 private:
  enum class AnswerState : std::uint8_t { kNone, kOpen, kDone };

  [[nodiscard]] io::Task<Result<std::string_view>> receive_body();
  [[nodiscard]] io::Task<Result<std::size_t>> receive(Duration patience);
  [[nodiscard]] io::Task<Result<void>> read_length_body(std::size_t length);
  [[nodiscard]] io::Task<Result<void>> read_chunked_body();
  [[nodiscard]] Result<void> charge(std::size_t bytes);
  [[nodiscard]] std::string_view whole_body();
  [[nodiscard]] Result<void> start_answer(int status, const codec::FieldLines& fields,
                                          std::optional<std::uint64_t> length);
  [[nodiscard]] Result<void> put_head(int status, const codec::FieldLines& fields,
                                      codec::Framing framing);
  [[nodiscard]] io::MaybeTask<Result<void>> flush(std::span<const io::Slice> slices, bool last);
  [[nodiscard]] io::Task<Result<void>> finish_flush(io::MaybeTask<Result<void>> sending, bool last);
  void flushed(bool last);
  // At least so many bytes can be received behind those that were.
  void make_room(std::size_t bytes);
  [[nodiscard]] std::span<char> room();
  void drop_request();
  io::Task<bool> linger();

  std::unique_ptr<io::Stream> stream_;
  const ServerLimits& limits_;
  BodyBudget& budget_;
  codec::RequestParser parser_;

  // buffer_[0, body_begin_) head, [body_begin_, body_end_) body without framing, [rest_, received_)
  // bytes not yet taken.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t received_ = 0;
  std::size_t body_begin_ = 0;
  std::size_t body_end_ = 0;
  std::size_t rest_ = 0;
  std::size_t charged_ = 0;

  ByteBuffer pending_head_;  // of an answer, until its first bytes
  std::optional<std::uint64_t> answer_left_;
  std::uint64_t bytes_out_ = 0;
  bool idle_ = true;
  Instant idle_since_ = kNever;
  bool keep_alive_ = false;
  bool body_read_ = false;
  bool is_head_request_ = false;
  bool is_http_1_0_ = false;
  AnswerState answer_ = AnswerState::kNone;
  bool bodyless_ = false;
  bool chunked_ = false;
  std::unique_ptr<Attachment> attachment_;
};

}  // namespace tdn::http
