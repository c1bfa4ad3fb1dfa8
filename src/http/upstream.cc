#include "http/upstream.h"

#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/byte_buffer.h"
#include "http/transfer.h"
#include "io/loop.h"

namespace tdn::http {
namespace {

// A head's memory is kept with its connection up to this size.
constexpr std::size_t kKeptHead = std::size_t{4} * 1024;

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

// A connection, in use by one exchange or idle. What happens on an idle one means that it cannot be
// used: it is marked and taken out at the next occasion, since a stream must not be destroyed from
// inside its own event.
struct UpstreamConnection final : io::StreamWatcher {
  explicit UpstreamConnection(std::unique_ptr<io::Stream> its_stream)
      : stream(std::move(its_stream)) {}
  virtual ~UpstreamConnection() = default;
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  void on_event(io::Stream& its_stream, io::StreamEvent) override {
    dead = true;
    its_stream.close();
  }

  std::unique_ptr<io::Stream> stream;
  codec::ResponseParser parser;
  ByteBuffer head;  // of the answer, and what came with it
  ByteBuffer rest;  // of a read that held more than one piece of body
  Instant idle_since{};
  bool dead = false;
};

Exchange::Exchange(Upstream& upstream, std::unique_ptr<UpstreamConnection> connection, bool reused)
    : upstream_(upstream),
      connection_(std::move(connection)),
      patience_(upstream.limits_.between_bytes),
      reused_(reused) {
  ++upstream_.in_use_;
}

Exchange::Exchange(Exchange&& other) noexcept = default;

Exchange::~Exchange() {
  if (!connection_) {
    return;
  }
  --upstream_.in_use_;
  if (complete_ && keep_alive_) {
    upstream_.give_back(std::move(connection_));
  } else if (!complete_) {
    connection_->stream->abort();
  }
}

Error Exchange::lost(const Error& error) const {
  const bool unanswered = reused_ && !answered_ && error.code() == Code::kClosed;
  return as_upstream(error, unanswered ? Retry::kSameRoute : Retry::kOtherRoute);
}

void Exchange::expect_stream() { connection_->stream->expect_many_small_reads(); }

io::MaybeTask<Result<void>> Exchange::send(std::span<const io::Slice> slices) {
  io::MaybeTask<Result<void>> sending =
      http::send(*connection_->stream, slices, upstream_.limits_.between_bytes);
  if (!sending.ready()) {
    return finish_sending(std::move(sending));
  }
  Result<void> sent = sending.take();
  if (!sent) {
    return fail(lost(sent.error()));
  }
  return sent;
}

io::Task<Result<void>> Exchange::finish_sending(io::MaybeTask<Result<void>> sending) {
  Result<void> sent = co_await sending;
  if (!sent) {
    co_return fail(lost(sent.error()));
  }
  co_return sent;
}

// What came after a wait, in the thread's scratch; empty at the engine's end. Nothing: wait again.
std::optional<Result<std::string_view>> Exchange::take_arrived(io::Wake wake,
                                                               std::string_view doing) {
  if (const Result<void> waited = io::to_result(wake, doing); !waited) {
    return Result<std::string_view>(fail(lost(waited.error())));
  }
  const std::span<char> scratch = thread_scratch();
  const ssize_t count = connection_->stream->try_read(scratch);
  if (count == io::kWouldBlock) {
    return std::nullopt;
  }
  if (count == io::kFailed) {
    return Result<std::string_view>(fail(lost(connection_->stream->error())));
  }
  return Result<std::string_view>({scratch.data(), static_cast<std::size_t>(count)});
}

io::Task<Result<const codec::ResponseHead*>> Exchange::read_head(bool to_head_request,
                                                                 AnswerWatch* watch) {
  ByteBuffer& received = connection_->head;
  received.clear();
  codec::ResponseParser& parser = connection_->parser;
  parser = codec::ResponseParser(to_head_request);
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope whole_wait(context, context.loop().now() + upstream_.limits_.first_byte);
  const Instant outermost = context.deadline();
  io::DeadlineScope deadline(context, outermost);
  while (true) {
    if (watch != nullptr) {
      deadline.set(context.loop().now() + kLookEvery);
    }
    const io::Wake wake = co_await connection_->stream->readable();
    if (watch != nullptr && wake == io::Wake::kTimeout && context.loop().now() < outermost) {
      if (Result<void> hoped = watch->look(answered_, context.loop().now()); !hoped) {
        co_return fail(as_upstream(hoped.error(), Retry::kOtherRoute));
      }
      continue;
    }
    const std::optional<Result<std::string_view>> arrived =
        take_arrived(wake, "waiting for the engine's answer");
    if (!arrived) {
      continue;
    }
    if (!*arrived) {
      co_return fail(arrived->error());
    }
    if ((*arrived)->empty()) {
      co_return fail(lost({Code::kClosed, "the engine closed the connection without an answer"}));
    }
    answered_ = true;
    received.append(bytes_of(**arrived));
    TDN_CO_TRY(const bool whole, parser.parse(text_of(received.view()), upstream_.known_answer_));
    if (whole) {
      break;
    }
  }
  const codec::ResponseHead& head = parser.head();
  decoder_ = codec::BodyDecoder(head.framing(), Code::kUpstreamError);
  keep_alive_ = head.keep_alive() && head.framing().kind != codec::BodyKind::kUntilClose;
  // Room behind what came with the head, as read_body promises.
  received.grow(kScratchPadding);
  received.trim(kScratchPadding);
  const std::string_view all = text_of(received.view());
  parser.head().rebase(all.data());
  unread_ = all.substr(head.bytes());
  co_return &head;
}

std::optional<Result<Exchange::Piece>> Exchange::decode() {
  while (!unread_.empty() && !decoder_.done()) {
    Result<codec::BodyDecoder::Step> step = decoder_.decode(unread_);
    if (!step) {
      return Result<Piece>(fail(std::move(step).error()));
    }
    unread_.remove_prefix(step->consumed);
    if (!step->data.empty()) {
      return Result<Piece>(step->data);
    }
  }
  if (!decoder_.done()) {
    return std::nullopt;
  }
  // Bytes beyond the answer: whoever sent them cannot be trusted with another request.
  keep_alive_ = keep_alive_ && unread_.empty();
  complete_ = true;
  return Result<Piece>(std::nullopt);
}

io::MaybeTask<Result<Exchange::Piece>> Exchange::read_body() {
  if (std::optional<Result<Piece>> piece = decode()) {
    return *std::move(piece);
  }
  return receive_body();
}

io::Task<Result<Exchange::Piece>> Exchange::receive_body() {
  io::Context& context = co_await io::this_context();
  io::DeadlineScope deadline(context, context.loop().now() + patience_);
  while (true) {
    const io::Wake wake = co_await connection_->stream->readable();
    const std::optional<Result<std::string_view>> arrived =
        take_arrived(wake, "waiting for more of the engine's answer");
    if (!arrived) {
      continue;
    }
    if (!*arrived) {
      co_return fail(arrived->error());
    }
    if ((*arrived)->empty()) {
      if (!decoder_.end()) {
        co_return fail(lost({Code::kUpstreamError, "the answer broke off in its middle"}));
      }
      keep_alive_ = false;
      complete_ = true;
      co_return Piece(std::nullopt);
    }
    deadline.set(context.loop().now() + patience_);
    unread_ = **arrived;
    if (std::optional<Result<Piece>> piece = decode()) {
      keep_unread();
      co_return *std::move(piece);
    }
  }
}

// Whoever got a piece may wait before asking for the next, and meanwhile others read into the
// thread's scratch: what is left of this read moves to memory of its own.
void Exchange::keep_unread() {
  if (unread_.empty()) {
    return;
  }
  ByteBuffer& kept = connection_->rest;
  kept.clear();
  kept.append(bytes_of(unread_));
  kept.grow(kScratchPadding);
  kept.trim(kScratchPadding);
  unread_ = text_of(kept.view());
}

Exchange::Piece Exchange::take_whole_body() {
  if (decoder_.done() || unread_.empty()) {
    return std::nullopt;
  }
  const codec::Framing framing = connection_->parser.head().framing();
  if (framing.kind != codec::BodyKind::kLength || framing.length != unread_.size()) {
    return std::nullopt;
  }
  complete_ = true;
  return std::exchange(unread_, {});
}

Upstream::Upstream(io::Loop& loop, io::Network& network, io::Address address,
                   const ClientLimits& limits, std::optional<TlsEnd> tls)
    : loop_(loop), network_(&network), address_(address), tls_(std::move(tls)), limits_(limits) {}

Upstream::Upstream(io::Loop& loop, io::PeerLink& link, std::string site, const ClientLimits& limits)
    : loop_(loop), link_(&link), site_(std::move(site)), limits_(limits) {}

Upstream::~Upstream() { TDN_ASSERT(in_use_ == 0); }

io::MaybeTask<Result<Exchange>> Upstream::open(bool fresh) {
  drop_dead();
  if (in_use_ >= limits_.connections) {
    return fail(Code::kOverloaded, "all connections to this engine are in use");
  }
  if (fresh || idle_.empty()) {
    return connect();
  }
  std::unique_ptr<UpstreamConnection> idle = std::move(idle_.back());
  idle_.pop_back();
  idle->stream->watch(nullptr);
  return Exchange(*this, std::move(idle), true);
}

io::Task<Result<std::unique_ptr<io::Stream>>> Upstream::reach() {
  if (link_ != nullptr) {
    co_return co_await link_->open(site_);
  }
  TDN_CO_TRY(std::unique_ptr<io::Stream> stream, co_await network_->connect(address_));
  if (!tls_) {
    co_return stream;
  }
  Result<std::unique_ptr<io::Stream>> secured =
      co_await tls_->client->connect(std::move(stream), tls_->host);
  untrusted_ = !secured && secured.error().code() == Code::kInvalid;
  if (untrusted_) {
    co_return fail(Code::kUnavailable, secured.error().detail());
  }
  co_return secured;
}

io::Task<Result<Exchange>> Upstream::connect() {
  io::Context& context = co_await io::this_context();
  const io::DeadlineScope deadline(context, loop_.now() + limits_.connect);
  // Counts while it is being made, so that the bound holds, and no longer if this is dropped
  // midway.
  std::optional<InUse> being_made(in_use_);
  Result<std::unique_ptr<io::Stream>> stream = co_await reach();
  being_made.reset();
  if (!stream) {
    co_return fail(as_upstream(stream.error(), Retry::kOtherRoute));
  }
  ++opened_;
  co_return Exchange(*this, std::make_unique<UpstreamConnection>(*std::move(stream)), false);
}

void Upstream::give_back(std::unique_ptr<UpstreamConnection> connection) {
  io::Stream& stream = *connection->stream;
  if (closing_ || stream.peer_finished() || stream.peer_gone() || has_stray_bytes(stream)) {
    return;
  }
  drop_dead();
  if (idle_.size() >= limits_.idle_connections) {
    idle_.erase(idle_.begin());
  }
  if (connection->head.size() > kKeptHead) {
    connection->head = {};
  }
  connection->rest = {};
  connection->idle_since = loop_.now();
  stream.watch(connection.get());
  idle_.push_back(std::move(connection));
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
  std::erase_if(idle_, [&](const std::unique_ptr<UpstreamConnection>& connection) {
    return connection->dead || now - connection->idle_since > limits_.idle;
  });
}

}  // namespace tdn::http
