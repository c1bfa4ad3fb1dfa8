#include "http/server_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/secret.h"
#include "http/transfer.h"
#include "io/loop.h"

namespace tdn::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFirstBuffer = std::size_t{2} * 1024;
constexpr std::size_t kBodyStep = std::size_t{64} * 1024;
constexpr std::size_t kKeptBuffer = std::size_t{8} * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// What the client is told when it is too slow; other outcomes of an await stay what they are.
Error patience_ended(Error error, std::string_view what) {
  if (error.code() != Code::kTimeout) {
    return error;
  }
  return {Code::kRequestTimeout,
          fmt::format("the {} did not arrive in time; send the request again", what)};
}

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<io::Stream> stream, const ServerLimits& limits,
                                   BodyBudget& budget)
    : stream_(std::move(stream)), limits_(limits), budget_(budget) {}

ServerConnection::~ServerConnection() {
  wipe_unread();
  budget_.give_back(charged_);
}

void ServerConnection::make_room(std::size_t bytes) {
  const std::size_t wanted = received_ + bytes + kScratchPadding;
  if (wanted <= capacity_) {
    return;
  }
  const std::size_t capacity = std::max({wanted, capacity_ * 2, kFirstBuffer});
  std::unique_ptr<char[]> larger(new char[capacity]);
  if (received_ > 0) {
    std::memcpy(larger.get(), buffer_.get(), received_);
    wipe({buffer_.get() + rest_, received_ - rest_});  // not taken yet, perhaps not to be read
  }
  buffer_ = std::move(larger);
  capacity_ = capacity;
  parser_.head().rebase(buffer_.get());
}

std::span<char> ServerConnection::room() {
  return {buffer_.get() + received_, capacity_ - received_ - kScratchPadding};
}

io::Task<Result<std::size_t>> ServerConnection::receive(Duration patience) {
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, context.loop().now() + patience);
  while (true) {
    const ssize_t count = stream_->try_read(room());
    if (count >= 0) {
      received_ += static_cast<std::size_t>(count);
      co_return static_cast<std::size_t>(count);
    }
    if (count == io::kFailed) {
      co_return fail(stream_->error());
    }
    TDN_CO_TRY_VOID(io::to_result(co_await stream_->readable(), "receiving"));
  }
}

io::Task<Result<bool>> ServerConnection::read_head() {
  parser_.next();
  keep_alive_ = false;
  body_read_ = false;
  answer_ = AnswerState::kNone;
  body_begin_ = body_end_ = rest_ = 0;
  idle_ = received_ == 0;
  io::Context& context = co_await io::this_context();
  idle_since_ = context.loop().now();
  // From the first byte on the head has to come in time; before it the connection is idle.
  io::DeadlineScope deadline(context, context.loop().now() + (idle_ ? limits_.idle : limits_.head));
  while (true) {
    if (received_ > 0) {
      TDN_CO_TRY(const bool whole, parser_.parse({buffer_.get(), received_}));
      if (whole) {
        break;
      }
    }
    // Bytes are expected only once they are announced: an idle connection holds no buffer.
    const io::Wake wake = co_await stream_->readable();
    if (wake == io::Wake::kTimeout) {
      if (idle_) {
        co_return false;
      }
      co_return fail(patience_ended({Code::kTimeout, "receiving"}, "request head"));
    }
    if (wake == io::Wake::kCancelled) {
      co_return fail(Code::kCancelled, "closing connections");
    }
    make_room(received_ == 0 ? kFirstBuffer - kScratchPadding : received_);
    const ssize_t count = stream_->try_read(room());
    if (count == io::kWouldBlock) {
      continue;
    }
    if (count <= 0) {
      if (received_ == 0) {
        co_return false;
      }
      co_return fail(Code::kClosed, "the client left in the middle of a request head");
    }
    received_ += static_cast<std::size_t>(count);
    if (std::exchange(idle_, false)) {
      deadline.set(context.loop().now() + limits_.head);
    }
  }
  const codec::RequestHead& head = parser_.head();
  body_begin_ = body_end_ = rest_ = head.bytes();
  keep_alive_ = head.keep_alive();
  is_head_request_ = head.method() == "HEAD";
  is_http_1_0_ = head.is_http_1_0();
  body_read_ = head.framing().kind == codec::BodyKind::kNone ||
               (head.framing().kind == codec::BodyKind::kLength && head.framing().length == 0);
  co_return true;
}

Result<void> ServerConnection::charge(std::size_t bytes) {
  if (!budget_.take(bytes)) {
    return fail(Code::kOverloaded, "too many large requests are being received; try again shortly");
  }
  charged_ += bytes;
  return {};
}

// The padding is read, never looked at: it need not be initialised, but must be there.
std::string_view ServerConnection::whole_body() {
  make_room(0);
  return {buffer_.get() + body_begin_, body_end_ - body_begin_};
}

io::MaybeTask<Result<std::string_view>> ServerConnection::read_body() {
  if (body_read_) {
    return whole_body();
  }
  const codec::Framing framing = head().framing();
  if (framing.kind != codec::BodyKind::kLength || framing.length > limits_.body_bytes ||
      framing.length > received_ - rest_) {
    return receive_body();
  }
  // It came together with the head.
  const auto length = static_cast<std::size_t>(framing.length);
  if (const Result<void> charged = charge(length); !charged) {
    return fail(charged.error());
  }
  body_end_ = rest_ = body_begin_ + length;
  body_read_ = true;
  return whole_body();
}

io::Task<Result<std::string_view>> ServerConnection::receive_body() {
  const codec::Framing framing = head().framing();
  if (framing.kind == codec::BodyKind::kLength && framing.length > limits_.body_bytes) {
    co_return fail(Code::kRequestTooLarge,
                   fmt::format("the body has {} bytes, at most {} are taken; send less",
                               framing.length, limits_.body_bytes));
  }
  if (head().expects_continue() && received_ == rest_) {
    const io::Slice slice(kContinue);
    TDN_CO_TRY_VOID(co_await send(*stream_, std::span(&slice, 1), limits_.write));
  }
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope total(context, context.loop().now() + limits_.body_total);
  Result<void> read = framing.kind == codec::BodyKind::kLength
                          ? co_await read_length_body(static_cast<std::size_t>(framing.length))
                          : co_await read_chunked_body();
  if (!read) {
    co_return fail(patience_ended(std::move(read).error(), "request body"));
  }
  body_read_ = true;
  co_return whole_body();
}

// Memory follows the bytes, not what the head announces: who only announces holds nothing.
io::Task<Result<void>> ServerConnection::read_length_body(std::size_t length) {
  const std::size_t end = body_begin_ + length;
  TDN_CO_TRY_VOID(charge(received_ - body_begin_));
  while (received_ < end) {
    make_room(std::min(end - received_, std::max(kBodyStep, received_)));
    TDN_CO_TRY(const std::size_t count, co_await receive(limits_.body));
    if (count == 0) {
      co_return fail(Code::kClosed, "the client left in the middle of a request body");
    }
    TDN_CO_TRY_VOID(charge(std::min(count, end - (received_ - count))));
  }
  body_end_ = rest_ = end;
  co_return Result<void>{};
}

io::Task<Result<void>> ServerConnection::read_chunked_body() {
  codec::BodyDecoder decoder(head().framing(), Code::kInvalidRequest);
  while (true) {
    // Data moves down over the framing that was before it.
    while (rest_ < received_ && !decoder.done()) {
      TDN_CO_TRY(const codec::BodyDecoder::Step step,
                 decoder.decode({buffer_.get() + rest_, received_ - rest_}));
      if (!step.data.empty()) {
        TDN_CO_TRY_VOID(charge(step.data.size()));
        std::memmove(buffer_.get() + body_end_, step.data.data(), step.data.size());
        body_end_ += step.data.size();
      }
      rest_ += step.consumed;
    }
    if (body_end_ - body_begin_ > limits_.body_bytes) {
      co_return fail(Code::kRequestTooLarge,
                     fmt::format("the body passed {} bytes; send less", limits_.body_bytes));
    }
    if (decoder.done()) {
      co_return Result<void>{};
    }
    received_ = rest_ = body_end_;  // all was taken: read on right behind the data
    make_room(std::max<std::size_t>(kFirstBuffer, body_end_ - body_begin_));
    TDN_CO_TRY(const std::size_t count, co_await receive(limits_.body));
    if (count == 0) {
      co_return fail(Code::kClosed, "the client left in the middle of a request body");
    }
  }
}

// What is left belongs to a request that nobody may have been allowed to read yet: no second copy
// of it stays behind, neither in the buffer nor in memory given back.
void ServerConnection::drop_request() {
  const std::size_t left = received_ - rest_;
  if (capacity_ > kKeptBuffer || left == 0) {
    std::unique_ptr<char[]> smaller;
    std::size_t capacity = 0;
    if (left > 0) {
      capacity = std::max(kFirstBuffer, left + kScratchPadding);
      smaller.reset(new char[capacity]);
      std::memcpy(smaller.get(), buffer_.get() + rest_, left);
      wipe({buffer_.get() + rest_, left});
    }
    if (left > 0 || capacity_ > kFirstBuffer) {
      buffer_ = std::move(smaller);
      capacity_ = capacity;
    }
  } else {
    std::memmove(buffer_.get(), buffer_.get() + rest_, left);
    wipe({buffer_.get() + left, received_ - left});
  }
  received_ = left;
  rest_ = body_begin_ = body_end_ = 0;
  budget_.give_back(std::exchange(charged_, 0));
}

void ServerConnection::release_request() {
  TDN_CHECK(body_read_);
  drop_request();
  parser_ = {};  // the remembered head too
  if (received_ == 0) {
    buffer_.reset();
    capacity_ = 0;
  }
}

void ServerConnection::wipe_unread() {
  wipe({buffer_.get() + rest_, received_ - rest_});
  received_ = rest_;
}

}  // namespace tdn::http
