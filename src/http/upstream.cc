#include "http/upstream.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "http/transfer.h"
#include "io/loop.h"

namespace tdn::http {
namespace {

class InUse {
 public:
  explicit InUse(std::size_t& count) : count_(count) { ++count_; }
  ~InUse() { --count_; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  std::size_t& count_;
};

// What every error of an exchange says about trying again.
Error as_upstream(const Error& error, Retry retry) {
  return {error.code(), Origin::kUpstream, retry, error.detail()};
}

// Bytes behind a complete answer would be taken for the answer to the next request. Asking costs a
// system call only if something seems to be there.
bool has_stray_bytes(io::Stream& stream) {
  char byte = 0;
  return stream.seems_readable() && stream.try_read(std::span(&byte, 1)) != io::kWouldBlock;
}

}  // namespace

// A pooled connection. Whatever happens on it means that it cannot be used: it is marked and taken
// out at the next occasion, since a stream must not be destroyed from inside its own event.
struct Upstream::Idle final : io::StreamWatcher {
  Idle(std::unique_ptr<io::Stream> its_stream, Instant now)
      : stream(std::move(its_stream)), since(now) {
    stream->watch(this);
  }
  virtual ~Idle() = default;
  void on_event(io::Stream& its_stream, io::StreamEvent) override {
    dead = true;
    its_stream.close();
  }
  std::unique_ptr<io::Stream> stream;
  Instant since;
  bool dead = false;
};

Exchange::Exchange(Upstream& upstream, std::unique_ptr<io::Stream> stream, bool reused)
    : upstream_(upstream), stream_(std::move(stream)), reused_(reused) {
  ++upstream_.in_use_;
}

Exchange::~Exchange() {
  --upstream_.in_use_;
  if (complete_ && keep_alive_) {
    upstream_.give_back(std::move(stream_));
  } else if (!complete_) {
    stream_->abort();
  }
}

Error Exchange::lost(const Error& error) const {
  const bool unanswered = reused_ && !answered_ && error.code() == Code::kClosed;
  return as_upstream(error, unanswered ? Retry::kSameRoute : Retry::kOtherRoute);
}

io::Task<Result<void>> Exchange::send(std::span<const io::Slice> slices) {
  Result<void> sent = co_await http::send(*stream_, slices, upstream_.limits_.between_bytes);
  if (!sent) {
    co_return fail(lost(sent.error()));
  }
  co_return sent;
}

io::Task<Result<std::size_t>> Exchange::receive(std::span<char> into, Duration patience,
                                                std::string_view what) {
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, context.loop().now() + patience);
  while (true) {
    TDN_CO_TRY_VOID(io::to_result(co_await stream_->readable(), what));
    const ssize_t count = stream_->try_read(into);
    if (count > 0) {
      answered_ = true;
      co_return static_cast<std::size_t>(count);
    }
    if (count == io::kEnd) {
      co_return std::size_t{0};
    }
    if (count == io::kFailed) {
      co_return fail(stream_->error());
    }
  }
}

io::Task<Result<const codec::ResponseHead*>> Exchange::read_head(bool to_head_request) {
  parser_ = codec::ResponseParser(to_head_request);
  io::Context& context = co_await io::this_context();
  const Instant until = context.loop().now() + upstream_.limits_.first_byte;
  while (true) {
    const std::span<char> scratch = thread_scratch();
    Result<std::size_t> count =
        co_await receive(scratch, until - context.loop().now(), "waiting for the engine's answer");
    if (!count) {
      co_return fail(lost(count.error()));
    }
    if (*count == 0) {
      co_return fail(lost({Code::kClosed, "the engine closed the connection without an answer"}));
    }
    head_bytes_.append(scratch.data(), *count);
    TDN_CO_TRY(const bool whole, parser_.parse(head_bytes_, upstream_.known_answer_));
    if (whole) {
      break;
    }
  }
  const codec::ResponseHead& head = parser_.head();
  decoder_ = codec::BodyDecoder(head.framing(), Code::kUpstreamError);
  keep_alive_ = head.keep_alive() && head.framing().kind != codec::BodyKind::kUntilClose;
  // Room behind what came with the head, as read_body promises.
  const std::size_t size = head_bytes_.size();
  head_bytes_.resize(size + kScratchPadding);
  parser_.head().rebase(head_bytes_.data());
  unread_ = std::string_view(head_bytes_).substr(head.bytes(), size - head.bytes());
  co_return &parser_.head();
}

io::Task<Result<std::optional<std::string_view>>> Exchange::read_body() {
  while (true) {
    while (!unread_.empty() && !decoder_.done()) {
      TDN_CO_TRY(const codec::BodyDecoder::Step step, decoder_.decode(unread_));
      unread_.remove_prefix(step.consumed);
      if (!step.data.empty()) {
        co_return step.data;
      }
    }
    if (decoder_.done()) {
      // Bytes beyond the answer: whoever sent them cannot be trusted with another request.
      keep_alive_ = keep_alive_ && unread_.empty();
      complete_ = true;
      co_return std::nullopt;
    }
    const std::span<char> scratch = thread_scratch();
    Result<std::size_t> count = co_await receive(scratch, upstream_.limits_.between_bytes,
                                                 "waiting for more of the engine's answer");
    if (!count) {
      co_return fail(lost(count.error()));
    }
    if (*count == 0) {
      TDN_CO_TRY_VOID(decoder_.end());
      keep_alive_ = false;
      complete_ = true;
      co_return std::nullopt;
    }
    unread_ = {scratch.data(), *count};
  }
}

Upstream::Upstream(io::Loop& loop, io::Network& network, io::Address address,
                   const ClientLimits& limits)
    : loop_(loop), network_(network), address_(address), limits_(limits) {}

Upstream::~Upstream() { TDN_ASSERT(in_use_ == 0); }

io::Task<Result<std::unique_ptr<Exchange>>> Upstream::open(bool fresh) {
  drop_dead();
  if (in_use_ >= limits_.connections) {
    co_return fail(Code::kOverloaded, "all connections to this engine are in use");
  }
  if (!fresh && !idle_.empty()) {
    std::unique_ptr<Idle> idle = std::move(idle_.back());
    idle_.pop_back();
    idle->stream->watch(nullptr);
    co_return std::unique_ptr<Exchange>(new Exchange(*this, std::move(idle->stream), true));
  }
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, loop_.now() + limits_.connect);
  // Counts while it is being made, so that the bound holds, and no longer if this is dropped
  // midway.
  std::optional<InUse> being_made(in_use_);
  Result<std::unique_ptr<io::Stream>> stream = co_await network_.connect(address_);
  being_made.reset();
  if (!stream) {
    co_return fail(as_upstream(stream.error(), Retry::kOtherRoute));
  }
  ++opened_;
  co_return std::unique_ptr<Exchange>(new Exchange(*this, std::move(*stream), false));
}

void Upstream::give_back(std::unique_ptr<io::Stream> stream) {
  if (closing_ || stream->peer_finished() || stream->peer_gone() || has_stray_bytes(*stream)) {
    return;
  }
  drop_dead();
  if (idle_.size() >= limits_.idle_connections) {
    idle_.erase(idle_.begin());
  }
  idle_.push_back(std::make_unique<Idle>(std::move(stream), loop_.now()));
}

void Upstream::drop_dead() {
  while (!idle_.empty() && idle_.back()->dead) {
    idle_.pop_back();
  }
}

void Upstream::close_idle() {
  closing_ = true;
  idle_.clear();
}

void Upstream::close_stale(Instant now) {
  std::erase_if(idle_, [&](const std::unique_ptr<Idle>& idle) {
    return idle->dead || now - idle->since > limits_.idle;
  });
}

}  // namespace tdn::http
