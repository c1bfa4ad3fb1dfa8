// The other side of TLS for tests: authorities and certificates made on the spot, and a server on
// OpenSSL's own memory BIOs, which shares no code with the client under test.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/stream.h"

namespace tdn::io {

struct TestCertificate {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

struct TestCertificateOptions {
  std::string name = "engine.example";  // a DNS name, or an IP address
  int from_days = -1;
  int to_days = 30;
};

// A certificate of `authority`, or one that signs itself and others if that is null.
[[nodiscard]] TestCertificate make_certificate(const TestCertificateOptions& options,
                                               const TestCertificate* authority);

class TlsTestServer {
 public:
  struct Options {
    bool only_old = false;  // TLS 1.1 at most
    bool only_1_2 = false;
    std::string protocol = "http/1.1";  // what it chooses of ALPN; empty: it does not know ALPN
  };
  // `below` is borrowed. Tickets of one `TestCertificate` are good at any server of the same keys.
  TlsTestServer(Stream& below, const TestCertificate& identity, const Options& options,
                const TlsTestServer* same_tickets = nullptr);
  ~TlsTestServer();
  TlsTestServer(const TlsTestServer&) = delete;
  TlsTestServer& operator=(const TlsTestServer&) = delete;

  [[nodiscard]] Task<bool> handshake();
  // Exactly so many bytes, or fewer at the client's end.
  [[nodiscard]] Task<std::string> read(std::size_t count);
  [[nodiscard]] Task<bool> write(std::string bytes);
  // Sends close_notify and nothing else.
  [[nodiscard]] Task<bool> say_end();
  // New keys for what follows; `both`: for the client's side, too.
  [[nodiscard]] Task<bool> change_keys(bool both);

  [[nodiscard]] std::string server_name() const;
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] bool client_said_end() const;
  [[nodiscard]] std::string version() const;

 private:
  [[nodiscard]] Task<bool> push();
  [[nodiscard]] Task<bool> pull();
  struct Side;
  Stream& below_;
  std::unique_ptr<Side> side_;
};

}  // namespace tdn::io
