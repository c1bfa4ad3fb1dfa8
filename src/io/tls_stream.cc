#include "io/detail/tls_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace tdn::io {
namespace {

// The most that fits into one record.
constexpr std::size_t kRecord = 16UL * 1024;

TlsStream& stream_of(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = stream_of(bio).read_below(data, static_cast<std::size_t>(size));
  if (count == kWouldBlock) {
    BIO_set_retry_read(bio);
    return -1;
  }
  return count == kFailed ? -1 : static_cast<int>(count);
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  return stream_of(bio).write_below(data, static_cast<std::size_t>(size)) ? size : -1;
}

long bio_control(BIO* bio, int command, long /*argument*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return stream_of(bio).ended_below() ? 1 : 0;
    default:
      return 0;
  }
}

BIO* make_bio(TlsStream& stream) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tdn stream");
    TDN_ASSERT(made != nullptr);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  BIO* bio = BIO_new(method);
  TDN_ASSERT(bio != nullptr);
  BIO_set_data(bio, &stream);
  BIO_set_init(bio, 1);
  return bio;
}

// Marks that OpenSSL is at work: what the stream below tells meanwhile must not call it again.
class Inside {
 public:
  explicit Inside(bool& flag) : flag_(flag) {
    TDN_ASSERT(!flag_);
    flag_ = true;
    ERR_clear_error();
  }
  ~Inside() { flag_ = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool& flag_;
};

}  // namespace

TlsStream::TlsStream(std::unique_ptr<Stream> below, ssl_st* ssl, std::shared_ptr<TlsShared> shared,
                     std::string host)
    : below_(std::move(below)), ssl_(ssl), shared_(std::move(shared)), host_(std::move(host)) {
  BIO* bio = make_bio(*this);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
}

TlsStream::~TlsStream() {
  close();
  if (!failure_) {
    // Else OpenSSL forbids to resume the session of a connection that was not ended by both sides.
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  SSL_free(ssl_);
}

Task<Result<void>> TlsStream::handshake() {
  while (true) {
    int returned = 0;
    int reason = SSL_ERROR_NONE;
    {
      const Inside inside(inside_);
      returned = SSL_do_handshake(ssl_);
      reason = returned == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, returned);
    }
    if (reason != SSL_ERROR_NONE && reason != SSL_ERROR_WANT_READ) {
      if (!failure_) {
        failure_ = tls_handshake_error(host_, ended_below_);
      }
      co_return fail(*failure_);
    }
    while (!flush()) {
      if (failure_) {
        co_return fail(*failure_);
      }
      TDN_CO_TRY_VOID(to_result(co_await below_->writable(), "in the TLS handshake, writing"));
    }
    if (reason == SSL_ERROR_NONE) {
      break;
    }
    TDN_CO_TRY_VOID(to_result(co_await below_->readable(), "in the TLS handshake"));
  }
  // More may have come with it than the handshake took.
  readable_ = true;
  peer_finished_ = below_->peer_finished();
  peer_gone_ = below_->peer_gone();
  below_->watch(this);
  co_return Result<void>{};
}

ssize_t TlsStream::read_below(char* data, std::size_t size) {
  // It said that it has nothing: saves the system call that would tell it again.
  if (!below_->seems_readable() && !below_->peer_finished() && !below_->peer_gone()) {
    return kWouldBlock;
  }
  const ssize_t count = below_->try_read({data, size});
  if (count == kEnd) {
    ended_below_ = true;
  } else if (count == kFailed && !failure_) {
    failure_ = below_->error();
  }
  return count;
}

bool TlsStream::write_below(const char* data, std::size_t size) {
  if (!flush() && failure_) {
    return false;
  }
  while (unsent_.empty() && size > 0) {
    const Slice slice(data, size);
    const ssize_t taken = below_->try_write(std::span(&slice, 1));
    if (taken == kFailed) {
      failure_ = below_->error();
      return false;
    }
    if (taken == kWouldBlock) {
      break;
    }
    data += taken;
    size -= static_cast<std::size_t>(taken);
  }
  if (unsent_.size() + size > TlsClient::kUnsent) {
    failure_ = Error(Code::kClosed, fmt::format("{} makes us answer and does not read", host_));
    return false;
  }
  unsent_.append(data, size);
  return true;
}

// True once nothing is left to be sent.
bool TlsStream::flush() {
  std::size_t sent = 0;
  while (sent < unsent_.size() && !failure_) {
    const Slice slice(unsent_.data() + sent, unsent_.size() - sent);
    const ssize_t taken = below_->try_write(std::span(&slice, 1));
    if (taken == kWouldBlock) {
      break;
    }
    if (taken == kFailed) {
      failure_ = below_->error();
      break;
    }
    sent += static_cast<std::size_t>(taken);
  }
  unsent_.erase(0, sent);
  if (!unsent_.empty()) {
    return false;
  }
  if (unsent_.capacity() > 1024) {
    unsent_ = {};
  }
  if (std::exchange(shutdown_below_, false)) {
    below_->shutdown();
  }
  return !failure_;
}

ssize_t TlsStream::broken(Error error) {
  if (!failure_) {
    failure_ = std::move(error);
  }
  readable_ = true;
  return kFailed;
}

// What it means that OpenSSL did not do what it was asked to.
ssize_t TlsStream::outcome(int returned, bool reading) {
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      (reading ? readable_ : writable_) = false;
      return kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return reading ? kEnd : kFailed;
    case SSL_ERROR_SYSCALL:
      return broken({Code::kClosed, "connection lost"});
    default:
      break;
  }
  const unsigned long code = ERR_peek_error();
  if (ended_below_ || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return broken({Code::kClosed, fmt::format("{} cut the connection off without saying that it "
                                              "ends: what came may not be all",
                                              host_)});
  }
  const char* const text = ERR_reason_error_string(code);
  return broken({Code::kClosed, fmt::format("TLS with {} failed: {}", host_,
                                            text == nullptr ? "for an unknown reason" : text)});
}

ssize_t TlsStream::try_read(std::span<char> buffer) {
  if (closed_ || failure_) {
    return kFailed;
  }
  if (ended_) {
    return kEnd;
  }
  std::size_t count = 0;
  int returned = 0;
  {
    const Inside inside(inside_);
    returned = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &count);
  }
  if (returned != 1) {
    const ssize_t what = outcome(returned, true);
    if (what == kEnd) {
      notify_finished();
    }
    return what;
  }
  readable_ = SSL_has_pending(ssl_) == 1 || below_->seems_readable() || below_->peer_finished() ||
              below_->peer_gone();
  return static_cast<ssize_t>(count);
}

ssize_t TlsStream::try_write(std::span<const Slice> slices) {
  if (closed_ || failure_ || said_goodbye_) {
    return kFailed;
  }
  if (!flush()) {
    writable_ = failure_.has_value();
    return failure_ ? kFailed : kWouldBlock;
  }
  // One record: of the one slice in place, of several gathered.
  std::array<char, kRecord> gathered;
  const char* data = gathered.data();
  std::size_t size = 0;
  if (slices.size() == 1) {
    data = slices[0].data;
    size = std::min(slices[0].size, kRecord);
  } else {
    for (const Slice& slice : slices) {
      const std::size_t part = std::min(slice.size, kRecord - size);
      if (part > 0) {
        std::memcpy(gathered.data() + size, slice.data, part);
        size += part;
      }
    }
  }
  if (size == 0) {
    return 0;
  }
  std::size_t taken = 0;
  int returned = 0;
  {
    const Inside inside(inside_);
    returned = SSL_write_ex(ssl_, data, size, &taken);
  }
  if (returned != 1) {
    return outcome(returned, false);
  }
  writable_ = unsent_.empty();
  return static_cast<ssize_t>(taken);
}

// close_notify, as far as it leaves at once; the rest when the stream below can take it.
void TlsStream::say_goodbye() {
  if (!inside_ && !failure_ && SSL_is_init_finished(ssl_) == 1 &&
      !std::exchange(said_goodbye_, true)) {
    const Inside inside(inside_);
    SSL_shutdown(ssl_);
  }
}

void TlsStream::shutdown() {
  if (closed_) {
    return;
  }
  say_goodbye();
  shutdown_below_ = true;
  flush();
}

void TlsStream::close() {
  if (std::exchange(closed_, true)) {
    return;
  }
  say_goodbye();
  below_->watch(nullptr);
  below_->close();
}

void TlsStream::abort() {
  if (std::exchange(closed_, true)) {
    return;
  }
  below_->watch(nullptr);
  below_->abort();
}

Error TlsStream::error() const {
  return failure_ ? *failure_ : Error(Code::kClosed, "the connection is closed");
}

// Takes what is the protocol's own out of what came. True: there is something for the reader.
bool TlsStream::process_arrived() {
  if (failure_ || ended_) {
    return true;
  }
  char first = 0;
  int returned = 0;
  {
    const Inside inside(inside_);
    returned = SSL_peek(ssl_, &first, 1);
  }
  return returned > 0 || outcome(returned, true) != kWouldBlock;
}

void TlsStream::on_event(Stream& /*below*/, StreamEvent event) {
  if (closed_) {
    return;
  }
  switch (event) {
    case StreamEvent::kFinished:
      notify_finished();
      break;
    case StreamEvent::kGone:
      notify_gone();
      break;
    case StreamEvent::kReadable:
      if (!inside_ && !process_arrived()) {
        break;
      }
      if (ended_) {
        notify_finished();
      }
      if (!closed_) {  // its watcher may have closed it
        notify_readable();
      }
      break;
  }
}

void TlsStream::on_writable(Stream& /*below*/) {
  if (!closed_ && !inside_ && (flush() || failure_)) {
    notify_writable();
  }
}

}  // namespace tdn::io
