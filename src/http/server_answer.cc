// The answering half of ServerConnection.
#include <utility>

#include "base/assert.h"
#include "base/fixed_vector.h"
#include "base/secret.h"
#include "http/server_connection.h"
#include "http/transfer.h"
#include "io/loop.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSlices = 12;
constexpr std::string_view kSignOfLife = "HTTP/1.1 100 Continue\r\n\r\n";

// How much of what a client still sends is dropped for the sake of the answer it has to read.
constexpr std::size_t kLingerBytes = std::size_t{1} << 20;

std::size_t size_of(std::span<const io::Slice> slices) {
  std::size_t total = 0;
  for (const io::Slice& slice : slices) {
    total += slice.size;
  }
  return total;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

}  // namespace

Result<void> ServerConnection::put_head(int status, const codec::FieldLines& fields,
                                        codec::Framing framing) {
  if (!body_read_ || (is_http_1_0_ && framing.kind == codec::BodyKind::kUntilClose)) {
    keep_alive_ = false;
  }
  constexpr std::size_t kOurs = 256;  // status line, connection and framing
  pending_head_.clear();
  if (fields.text().size() > 4 * codec::kHeadLimit) {
    return fail(Code::kInternalError, "the answer's head is beyond 256 KiB");
  }
  const std::size_t room = fields.text().size() + kOurs;
  codec::HeadWriter writer({reinterpret_cast<char*>(pending_head_.grow(room)), room});
  writer.status(status).lines(fields);
  if (!keep_alive_) {
    writer.raw("connection: close\r\n");
  } else if (is_http_1_0_) {
    writer.raw("connection: keep-alive\r\n");
  }
  Result<std::string_view> head = writer.framing(framing).finish();
  if (!head) {
    pending_head_.clear();
    return fail(std::move(head).error());
  }
  pending_head_.shrink_to(head->size());
  return {};
}

// Sends what there is of the head, and the slices in their framing; `last` ends the answer. All of
// it leaves in one write.
io::MaybeTask<Result<void>> ServerConnection::flush(std::span<const io::Slice> slices, bool last) {
  TDN_CHECK(slices.size() <= kMaxSlices);
  const std::size_t total = bodyless_ ? 0 : size_of(slices);
  if (answer_left_) {
    if (total > *answer_left_ || (last && !bodyless_ && total < *answer_left_)) {
      return fail(Code::kInternalError, "the answer is not as long as its head says");
    }
    *answer_left_ -= total;
  }
  FixedVector<io::Slice, kMaxSlices + 4> out;
  codec::ChunkPrefix prefix;
  const bool framed = chunked_ && !bodyless_;
  if (!pending_head_.empty()) {
    out.push_back(io::Slice(text_of(pending_head_.view())));
  }
  if (total > 0) {
    if (framed) {
      out.push_back(io::Slice(codec::chunk_prefix(prefix, total)));
    }
    for (const io::Slice& slice : slices) {
      out.push_back(slice);
    }
    if (framed) {
      out.push_back(io::Slice(codec::kChunkSuffix));
    }
  }
  if (framed && last) {
    out.push_back(io::Slice(codec::kLastChunk));
  }
  const std::span<const io::Slice> all(out.begin(), out.size());
  const std::size_t bytes = size_of(all);
  if (bytes > 0) {
    answer_ = AnswerState::kOpen;
    bytes_out_ += bytes;
    io::MaybeTask<Result<void>> sending = send(*stream_, all, limits_.write);
    if (!sending.ready()) {
      return finish_flush(std::move(sending), last);
    }
    if (Result<void> sent = sending.take(); !sent) {
      return sent;
    }
  }
  flushed(last);
  return Result<void>{};
}

io::Task<Result<void>> ServerConnection::finish_flush(io::MaybeTask<Result<void>> sending,
                                                      bool last) {
  TDN_CO_TRY_VOID(co_await sending);
  flushed(last);
  co_return Result<void>{};
}

void ServerConnection::flushed(bool last) {
  // A stream may last for minutes: its head's memory is given back. A whole answer's is used again.
  if (last) {
    pending_head_.clear();
    answer_ = AnswerState::kDone;
  } else if (!pending_head_.empty()) {
    pending_head_ = {};
  }
}

io::Task<Result<void>> ServerConnection::respond(const Answer& answer) {
  codec::FieldLines lines;
  if (!answer.content_type.empty()) {
    lines.add("content-type", answer.content_type);
  }
  for (const codec::Field& field : answer.fields) {
    lines.add(field);
  }
  TDN_CO_TRY_VOID(start_answer(answer.status, lines, std::uint64_t{answer.body.size()}));
  const io::Slice slice(answer.body);
  co_return co_await flush(std::span(&slice, 1), true);
}

Result<void> ServerConnection::begin(int status, const codec::FieldLines& fields,
                                     std::optional<std::uint64_t> length) {
  return start_answer(status, fields, length);
}

Result<void> ServerConnection::start_answer(int status, const codec::FieldLines& fields,
                                            std::optional<std::uint64_t> length) {
  codec::Framing framing{codec::BodyKind::kChunked, 0};
  if (has_no_body(status)) {
    framing = {};
    length = 0;
  } else if (length) {
    framing = {codec::BodyKind::kLength, *length};
  } else if (is_http_1_0_) {
    framing = {codec::BodyKind::kUntilClose, 0};
  }
  bodyless_ = is_head_request_ || has_no_body(status);
  chunked_ = framing.kind == codec::BodyKind::kChunked;
  answer_left_ = length;
  return put_head(status, fields, framing);
}

io::MaybeTask<Result<void>> ServerConnection::write(std::span<const io::Slice> slices) {
  return flush(slices, false);
}

io::MaybeTask<Result<void>> ServerConnection::end(std::span<const io::Slice> slices) {
  return flush(slices, true);
}

void ServerConnection::probe_client() {
  if (answer_ != AnswerState::kNone || is_http_1_0_) {
    return;
  }
  const io::Slice slice(kSignOfLife);
  // A client that takes no bytes now is left alone: its window is full, so it is there.
  [[maybe_unused]] const ssize_t taken = stream_->try_write(std::span(&slice, 1));
}

io::MaybeTask<bool> ServerConnection::finish() {
  if (answer_ == AnswerState::kOpen) {
    // The client must see that this is not the whole answer, and nothing may follow it.
    stream_->abort();
    return false;
  }
  if (keep_alive_ && !stream_->peer_gone()) {
    drop_request();
    return true;
  }
  wipe_unread();
  // Closing with bytes unread would reset the connection and take the answer along, also where the
  // client has sent its end already.
  if ((!body_read_ || stream_->seems_readable()) && !stream_->peer_gone()) {
    return linger();
  }
  return false;
}

io::Task<bool> ServerConnection::linger() {
  stream_->shutdown();
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, context.loop().now() + 1s);
  std::size_t dropped = 0;
  const std::span<char> scratch = thread_scratch();
  while (dropped < kLingerBytes) {
    const ssize_t count = stream_->try_read(scratch);
    if (count == io::kWouldBlock) {
      if (co_await stream_->readable() != io::Wake::kReady) {
        break;
      }
      continue;
    }
    if (count <= 0) {
      break;
    }
    // It may be a body that this site must not keep, not even here.
    wipe(scratch.first(static_cast<std::size_t>(count)));
    dropped += static_cast<std::size_t>(count);
  }
  co_return false;
}

void ServerConnection::abort() { stream_->abort(); }

}  // namespace tdn::http
