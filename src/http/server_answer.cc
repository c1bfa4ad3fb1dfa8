// The answering half of ServerConnection.
#include <array>
#include <utility>

#include "base/assert.h"
#include "base/secret.h"
#include "http/server_connection.h"
#include "http/transfer.h"
#include "io/loop.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSlices = 48;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

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

Result<void> ServerConnection::put_head(int status, std::string_view content_type,
                                        std::span<const codec::Field> fields,
                                        codec::Framing framing) {
  if (!body_read_ || (is_http_1_0_ && framing.kind == codec::BodyKind::kUntilClose)) {
    keep_alive_ = false;
  }
  // Heads are small; an upstream's may have up to 64 KiB of fields that are passed on.
  for (std::size_t room = 1024; room <= 4 * codec::kHeadLimit; room *= 4) {
    pending_head_.resize(room);
    codec::HeadWriter writer(pending_head_);
    writer.status(status);
    if (!content_type.empty()) {
      writer.field("content-type", content_type);
    }
    for (const codec::Field& field : fields) {
      writer.field(field.name, field.value);
    }
    if (!keep_alive_) {
      writer.field("connection", "close");
    } else if (is_http_1_0_) {
      writer.field("connection", "keep-alive");
    }
    const Result<std::string_view> head = writer.framing(framing).finish();
    if (head) {
      pending_head_.resize(head->size());
      return {};
    }
  }
  pending_head_.clear();
  return fail(Code::kInternalError, "the answer's head is malformed or beyond 256 KiB");
}

// Sends what there is of the head, and the slices in their framing; `last` ends the answer. All of
// it leaves in one write.
io::Task<Result<void>> ServerConnection::flush(std::span<const io::Slice> slices, bool last) {
  TDN_CHECK(slices.size() <= kMaxSlices);
  const std::size_t total = bodyless_ ? 0 : size_of(slices);
  if (answer_left_) {
    if (total > *answer_left_ || (last && !bodyless_ && total < *answer_left_)) {
      co_return fail(Code::kInternalError, "the answer is not as long as its head says");
    }
    *answer_left_ -= total;
  }
  std::array<io::Slice, kMaxSlices + 4> out;
  std::size_t count = 0;
  codec::ChunkPrefix prefix;
  const bool framed = chunked_ && !bodyless_;
  if (!pending_head_.empty()) {
    out[count++] = io::Slice(pending_head_);
  }
  if (total > 0) {
    if (framed) {
      out[count++] = io::Slice(codec::chunk_prefix(prefix, total));
    }
    for (const io::Slice& slice : slices) {
      out[count++] = slice;
    }
    if (framed) {
      out[count++] = io::Slice(codec::kChunkSuffix);
    }
  }
  if (framed && last) {
    out[count++] = io::Slice(codec::kLastChunk);
  }
  const std::span<const io::Slice> all = std::span(out).first(count);
  const std::size_t bytes = size_of(all);
  if (bytes > 0) {
    answer_ = AnswerState::kOpen;
    bytes_out_ += bytes;
    TDN_CO_TRY_VOID(co_await send(*stream_, all, limits_.write));
  }
  // A stream may last for minutes: its head's memory is given back. A whole answer's is used again.
  if (last) {
    pending_head_.clear();
    answer_ = AnswerState::kDone;
  } else if (!pending_head_.empty()) {
    pending_head_ = {};
  }
  co_return Result<void>{};
}

io::Task<Result<void>> ServerConnection::respond(const Answer& answer) {
  TDN_CO_TRY_VOID(start_answer(answer.status, answer.content_type, answer.fields,
                               std::uint64_t{answer.body.size()}));
  const io::Slice slice(answer.body);
  co_return co_await flush(std::span(&slice, 1), true);
}

Result<void> ServerConnection::begin(int status, std::span<const codec::Field> fields,
                                     std::optional<std::uint64_t> length) {
  return start_answer(status, {}, fields, length);
}

Result<void> ServerConnection::start_answer(int status, std::string_view content_type,
                                            std::span<const codec::Field> fields,
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
  return put_head(status, content_type, fields, framing);
}

io::Task<Result<void>> ServerConnection::write(std::span<const io::Slice> slices) {
  return flush(slices, false);
}

io::Task<Result<void>> ServerConnection::end(std::span<const io::Slice> slices) {
  return flush(slices, true);
}

void ServerConnection::probe_client() {
  if (answer_ != AnswerState::kNone || is_http_1_0_) {
    return;
  }
  const io::Slice slice(kContinue);
  // A client that takes no bytes now is left alone: its window is full, so it is there.
  [[maybe_unused]] const ssize_t taken = stream_->try_write(std::span(&slice, 1));
}

io::Task<bool> ServerConnection::finish() {
  if (answer_ == AnswerState::kOpen) {
    // The client must see that this is not the whole answer, and nothing may follow it.
    stream_->abort();
    co_return false;
  }
  if (keep_alive_ && !stream_->peer_gone()) {
    drop_request();
    co_return true;
  }
  // Closing with bytes unread would reset the connection and take the answer along, also where the
  // client has sent its end already.
  if ((!body_read_ || stream_->seems_readable()) && !stream_->peer_gone()) {
    co_await linger();
  }
  co_return false;
}

io::Task<> ServerConnection::linger() {
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
}

void ServerConnection::abort() { stream_->abort(); }

}  // namespace tdn::http
