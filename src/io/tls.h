// TLS for connections that we open: a `Stream` over another `Stream`, for engines that are reached
// over https.
//
//   TDN_TRY(const std::shared_ptr<const TlsTrust> trust, TlsTrust::load(""));   // any thread, once
//   const std::shared_ptr<TlsClient> client = TlsClient::create(trust);         // one per loop
//   TDN_CO_TRY(std::unique_ptr<Stream> stream, co_await network.connect(address));
//   TDN_CO_TRY(stream, co_await client->connect(std::move(stream), "api.example.com"));
//
// The server's certificate and its name are always verified; there is no way to ask for less.
// TLS 1.3, or 1.2 with forward secrecy; ALPN http/1.1; no renegotiation, no compression. Sessions
// are resumed, at most kSessions servers are remembered.
//
// What the stream promises beyond `Stream`: an end without close_notify is a failure, never kEnd,
// since anybody on the way can cut a connection. `close` sends close_notify as far as the stream
// below takes it at once; whoever must be sure that his last 16 KiB arrive waits for `writable`
// first. `abort` sends nothing. Messages of the protocol itself (tickets, new keys) are dealt with
// without waking anybody.
//
// Bytes held per connection: 17 KiB in each direction while a record is incomplete, nothing while
// idle, and at most kUnsent of what the stream below would not take; a peer that makes us hold more
// is failed.
//
// A client and its streams belong to their loop's thread; a trust is immutable and shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/stream.h"

namespace tdn::io {

// Whom we believe: the authorities of this machine (OpenSSL's default places, which SSL_CERT_FILE
// and SSL_CERT_DIR change), and those of one more file.
class TlsTrust {
 public:
  // `file`: certificates in PEM, or empty. Reads files. `before`, if given, is returned if it was
  // made of the same certificates: a new trust makes all connections anew. Errors: kInvalid, naming
  // the file.
  [[nodiscard]] static Result<std::shared_ptr<const TlsTrust>> load(
      const std::string& file, const std::shared_ptr<const TlsTrust>& before = nullptr);
  ~TlsTrust();
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;

 private:
  friend class TlsClient;
  TlsTrust() = default;
  struct Store;
  std::unique_ptr<Store> store_;
  std::string certificates_;  // those of the file
};

// Counts of handshakes, for metrics and tests.
struct TlsCounts {
  std::uint64_t handshakes = 0;  // that succeeded
  std::uint64_t resumed = 0;     // of these
  std::uint64_t refused = 0;     // by us: certificate or name
};

struct TlsShared;

class TlsClient {
 public:
  static constexpr std::size_t kSessions = 64;
  static constexpr std::size_t kUnsent = std::size_t{64} * 1024;

  [[nodiscard]] static std::shared_ptr<TlsClient> create(std::shared_ptr<const TlsTrust> trust);

  // The handshake over `below`, under the context's deadline. `host`: a name or an IP address,
  // which the certificate must be for. Errors name host, reason and remedy: kInvalid (we do not
  // accept the certificate: expired, for another name, of an unknown authority, …), kUnavailable
  // (broken off, no TLS there, no common version), kTimeout, kCancelled.
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(std::unique_ptr<Stream> below,
                                                              std::string host);
  [[nodiscard]] const TlsCounts& counts() const;

 private:
  TlsClient() = default;
  std::shared_ptr<const TlsTrust> trust_;
  std::shared_ptr<TlsShared> shared_;  // with the streams, which may outlive the client
};

}  // namespace tdn::io
