#include "io/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "base/assert.h"
#include "io/detail/tls_shared.h"
#include "io/detail/tls_stream.h"
#include "io/network.h"

namespace tdn::io {

struct TlsTrust::Store {
  X509_STORE* store = X509_STORE_new();
  Store() { TDN_ASSERT(store != nullptr); }
  ~Store() { X509_STORE_free(store); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
};

TlsTrust::~TlsTrust() = default;

namespace {

// False: no certificate in it, or one that cannot be read.
bool add_certificates(X509_STORE* store, const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  bool good = true;
  int count = 0;
  while (X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    good = good && X509_STORE_add_cert(store, certificate) == 1;
    X509_free(certificate);
    ++count;
  }
  BIO_free(bio);
  good = good && count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return good;
}

}  // namespace

Result<std::shared_ptr<const TlsTrust>> TlsTrust::load(
    const std::string& file, const std::shared_ptr<const TlsTrust>& before) {
  const std::shared_ptr<TlsTrust> trust(new TlsTrust());
  if (!file.empty()) {
    std::ifstream in(file, std::ios::binary);
    trust->certificates_.assign(std::istreambuf_iterator<char>(in), {});
    if (!in.is_open()) {
      return fail(Code::kInvalid,
                  fmt::format("cannot read {}; it must hold the authority's certificate", file));
    }
  }
  if (before && before->certificates_ == trust->certificates_) {
    return before;
  }
  trust->store_ = std::make_unique<Store>();
  X509_STORE* const store = trust->store_->store;
  // A machine without a list of authorities has none of its own: that is no error.
  X509_STORE_set_default_paths(store);
  ERR_clear_error();
  if (!file.empty() && !add_certificates(store, trust->certificates_)) {
    return fail(Code::kInvalid,
                fmt::format("{} holds no usable certificates; it must hold the authority's in PEM "
                            "(-----BEGIN CERTIFICATE-----)",
                            file));
  }
  return std::shared_ptr<const TlsTrust>(trust);
}

TlsShared::~TlsShared() {
  for (auto& [host, session] : sessions) {
    SSL_SESSION_free(session);
  }
  SSL_CTX_free(context);
}

void TlsShared::keep(const std::string& host, SSL_SESSION* session) {
  const auto known = sessions.find(host);
  if (known == sessions.end() && sessions.size() >= TlsClient::kSessions) {
    SSL_SESSION_free(sessions.begin()->second);
    sessions.erase(sessions.begin());
  }
  SSL_SESSION*& slot = sessions[host];
  SSL_SESSION_free(std::exchange(slot, session));
}

namespace {

// Kept for the next connection to that host; a later ticket replaces an earlier one.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  const auto* const stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  stream->shared().keep(stream->host(), session);
  return 1;
}

SSL_CTX* make_context(X509_STORE* store) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  TDN_ASSERT(context != nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, tls_verified);
  SSL_CTX_set1_cert_store(context, store);
  SSL_CTX_set_security_level(context, 2);
  bool good = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
  // For 1.2: forward secrecy and authenticated encryption; those of 1.3 have both.
  good = good && SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
  static constexpr std::array<unsigned char, 9> kHttp{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  good = good && SSL_CTX_set_alpn_protos(context, kHttp.data(), kHttp.size()) == 0;
  TDN_ASSERT(good);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  return context;
}

bool is_address(const std::string& host) {
  return Address::parse(host + ":1").has_value() || Address::parse("[" + host + "]:1").has_value();
}

// Whom the certificate must be for. False: no certificate can be for such a name.
bool expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* const checks = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str()) == 1;
  }
  std::string name = host;
  if (name.ends_with('.')) {
    name.pop_back();
  }
  return !name.empty() && X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
}

}  // namespace

std::shared_ptr<TlsClient> TlsClient::create(std::shared_ptr<const TlsTrust> trust) {
  std::shared_ptr<TlsClient> client(new TlsClient());
  client->shared_ = std::make_shared<TlsShared>();
  client->shared_->context = make_context(trust->store_->store);
  client->trust_ = std::move(trust);
  return client;
}

const TlsCounts& TlsClient::counts() const { return shared_->counts; }

Task<Result<std::unique_ptr<Stream>>> TlsClient::connect(std::unique_ptr<Stream> below,
                                                         std::string host) {
  const std::shared_ptr<TlsShared> shared = shared_;
  SSL* const ssl = SSL_new(shared->context);
  TDN_ASSERT(ssl != nullptr);
  const bool named = expect_host(ssl, host);
  const auto session = shared->sessions.find(host);
  if (session != shared->sessions.end()) {
    SSL_set_session(ssl, session->second);
  }
  SSL_set_connect_state(ssl);
  auto stream = std::make_unique<TlsStream>(std::move(below), ssl, shared, host);
  if (!named) {
    co_return fail(Code::kInvalid, fmt::format("'{}' is no name that a certificate can be for; "
                                               "correct the url",
                                               host));
  }
  if (Result<void> done = co_await stream->handshake(); !done) {
    shared->counts.refused += done.error().code() == Code::kInvalid ? 1 : 0;
    co_return fail(std::move(done).error());
  }
  ++shared->counts.handshakes;
  shared->counts.resumed += SSL_session_reused(ssl) == 1 ? 1 : 0;
  co_return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace tdn::io
