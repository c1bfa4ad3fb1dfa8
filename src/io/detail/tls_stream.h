// The stream that tls.h makes: OpenSSL between a stream of bytes and a stream of records.
//
// OpenSSL reads from and writes to the stream below through a BIO of ours, straight into and out of
// its own record buffers: nothing is buffered twice. Only what the stream below does not take is
// kept here (`unsent_`), so OpenSSL never has to be asked again to write the same bytes, and
// reading never waits for writing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/tls.h"

struct ssl_st;
struct x509_store_ctx_st;

namespace tdn::io {

struct TlsShared;

// OpenSSL's callback: tells the stream why a certificate is refused.
int tls_verified(int good, x509_store_ctx_st* verification);
// What OpenSSL says else went wrong in a handshake with `host`, as an error for a person. `ended`:
// the stream below came to its end.
[[nodiscard]] Error tls_handshake_error(const std::string& host, bool ended);

class TlsStream final : public Stream, private StreamWatcher {
 public:
  // Takes `ssl` over.
  TlsStream(std::unique_ptr<Stream> below, ssl_st* ssl, std::shared_ptr<TlsShared> shared,
            std::string host);
  ~TlsStream() override;

  // Once, before anything else.
  [[nodiscard]] Task<Result<void>> handshake();

  ssize_t try_read(std::span<char> buffer) override;
  ssize_t try_write(std::span<const Slice> slices) override;
  void shutdown() override;
  void close() override;
  void abort() override;
  [[nodiscard]] Error error() const override;
  [[nodiscard]] std::string peer() const override { return below_->peer(); }
  void expect_many_small_reads() override { below_->expect_many_small_reads(); }

  [[nodiscard]] TlsShared& shared() const { return *shared_; }
  [[nodiscard]] const std::string& host() const { return host_; }

  // For the BIO. At most `size` bytes; kWouldBlock, kEnd or kFailed as `try_read`.
  [[nodiscard]] ssize_t read_below(char* data, std::size_t size);
  // All of them, or false: the connection is gone, or its peer takes nothing and we hold too much.
  [[nodiscard]] bool write_below(const char* data, std::size_t size);
  // The handshake will fail with this.
  void refuse(Error error) { failure_ = std::move(error); }
  [[nodiscard]] bool ended_below() const { return ended_below_; }

 private:
  void on_event(Stream& below, StreamEvent event) override;
  void on_writable(Stream& below) override;
  bool flush();
  void say_goodbye();
  [[nodiscard]] bool process_arrived();
  ssize_t outcome(int returned, bool reading);
  ssize_t broken(Error error);

  std::unique_ptr<Stream> below_;
  ssl_st* ssl_;
  std::shared_ptr<TlsShared> shared_;
  std::string host_;
  std::string unsent_;  // records that the stream below has not taken
  std::optional<Error> failure_;
  bool inside_ = false;          // OpenSSL is at work further down the stack
  bool ended_ = false;           // close_notify came
  bool ended_below_ = false;     // the stream below ended
  bool said_goodbye_ = false;    // close_notify is written
  bool shutdown_below_ = false;  // once `unsent_` is empty
  bool closed_ = false;
};

}  // namespace tdn::io
