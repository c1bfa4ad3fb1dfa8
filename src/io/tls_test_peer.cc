#include "io/tls_test_peer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/assert.h"

namespace tdn::io {
namespace {

template <class Write>
std::string pem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

X509* read_certificate(const std::string& text) {
  BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  TDN_ASSERT(certificate != nullptr);
  return certificate;
}

EVP_PKEY* read_key(const std::string& text) {
  BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  TDN_ASSERT(key != nullptr);
  return key;
}

void extend(X509* certificate, int id, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
  TDN_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

bool is_number(const std::string& name) {
  return name.find_first_not_of("0123456789.") == std::string::npos ||
         name.find(':') != std::string::npos;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned int in_size, void* argument) {
  const auto& wanted = *static_cast<const std::string*>(argument);
  for (unsigned int at = 0; at < in_size; at += in[at] + 1U) {
    if (std::string_view(reinterpret_cast<const char*>(in + at + 1), in[at]) == wanted) {
      *out = in + at + 1;
      *size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

TestCertificate make_certificate(const TestCertificateOptions& options,
                                 const TestCertificate* authority) {
  static long serial = 1;
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  constexpr long kDay = 86'400;
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.from_days * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.to_days * kDay);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1,
                             0);
  extend(certificate, NID_subject_alt_name,
         (is_number(options.name) ? "IP:" : "DNS:") + options.name);
  extend(certificate, NID_basic_constraints,
         authority == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (authority == nullptr) {
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
  } else {
    X509* issuer = read_certificate(authority->certificate);
    EVP_PKEY* signer = read_key(authority->key);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_sign(certificate, signer, EVP_sha256());
    EVP_PKEY_free(signer);
    X509_free(issuer);
  }
  TestCertificate made;
  made.certificate = pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
  made.key = pem(
      [&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

struct TlsTestServer::Side {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL* ssl = nullptr;
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  std::string protocol;
  ~Side() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

TlsTestServer::TlsTestServer(Stream& below, const TestCertificate& identity, const Options& options,
                             const TlsTestServer* same_tickets)
    : below_(below), side_(std::make_unique<Side>()) {
  Side& side = *side_;
  X509* certificate = read_certificate(identity.certificate);
  EVP_PKEY* key = read_key(identity.key);
  SSL_CTX_use_certificate(side.context, certificate);
  SSL_CTX_use_PrivateKey(side.context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  static constexpr std::string_view kSessions = "test";
  SSL_CTX_set_session_id_context(
      side.context, reinterpret_cast<const unsigned char*>(kSessions.data()), kSessions.size());
  if (options.only_old) {
    SSL_CTX_set_security_level(side.context, 0);
    SSL_CTX_set_min_proto_version(side.context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(side.context, TLS1_1_VERSION);
  } else if (options.only_1_2) {
    SSL_CTX_set_max_proto_version(side.context, TLS1_2_VERSION);
  }
  side.protocol = options.protocol;
  if (!side.protocol.empty()) {
    SSL_CTX_set_alpn_select_cb(side.context, choose_protocol, &side.protocol);
  }
  if (same_tickets != nullptr) {
    std::array<unsigned char, 80> keys{};
    SSL_CTX_get_tlsext_ticket_keys(same_tickets->side_->context, keys.data(), keys.size());
    SSL_CTX_set_tlsext_ticket_keys(side.context, keys.data(), keys.size());
  }
  side.ssl = SSL_new(side.context);
  SSL_set_bio(side.ssl, side.in, side.out);
  SSL_set_accept_state(side.ssl);
}

TlsTestServer::~TlsTestServer() = default;

Task<bool> TlsTestServer::push() {
  std::array<char, 4096> buffer;
  while (true) {
    const int count = BIO_read(side_->out, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) {
      co_return true;
    }
    const std::string bytes(buffer.data(), static_cast<std::size_t>(count));
    const Result<void> sent = co_await write_all(below_, bytes);
    if (!sent) {
      co_return false;
    }
  }
}

Task<bool> TlsTestServer::pull() {
  std::array<char, 4096> buffer;
  const Result<std::size_t> count = co_await read_some(below_, buffer);
  if (!count || *count == 0) {
    co_return false;
  }
  BIO_write(side_->in, buffer.data(), static_cast<int>(*count));
  co_return true;
}

Task<bool> TlsTestServer::handshake() {
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(side_->ssl);
    const int reason = done == 1 ? SSL_ERROR_NONE : SSL_get_error(side_->ssl, done);
    if (!co_await push()) {
      co_return false;
    }
    if (done == 1) {
      co_return true;
    }
    if (reason != SSL_ERROR_WANT_READ || !co_await pull()) {
      co_return false;
    }
  }
}

Task<std::string> TlsTestServer::read(std::size_t count) {
  std::string all;
  std::array<char, 4096> buffer;
  while (all.size() < count) {
    ERR_clear_error();
    const int want = static_cast<int>(std::min(buffer.size(), count - all.size()));
    const int got = SSL_read(side_->ssl, buffer.data(), want);
    if (got > 0) {
      all.append(buffer.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (SSL_get_error(side_->ssl, got) != SSL_ERROR_WANT_READ || !co_await push() ||
        !co_await pull()) {
      break;
    }
  }
  co_return all;
}

Task<bool> TlsTestServer::write(std::string bytes) {
  ERR_clear_error();
  const int done = SSL_write(side_->ssl, bytes.data(), static_cast<int>(bytes.size()));
  TDN_ASSERT(done == static_cast<int>(bytes.size()));
  co_return co_await push();
}

Task<bool> TlsTestServer::say_end() {
  SSL_shutdown(side_->ssl);
  co_return co_await push();
}

Task<bool> TlsTestServer::change_keys(bool both) {
  SSL_key_update(side_->ssl, both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
  SSL_do_handshake(side_->ssl);
  co_return co_await push();
}

std::string TlsTestServer::server_name() const {
  const char* const name = SSL_get_servername(side_->ssl, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

bool TlsTestServer::resumed() const { return SSL_session_reused(side_->ssl) == 1; }

bool TlsTestServer::client_said_end() const {
  return (SSL_get_shutdown(side_->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

std::string TlsTestServer::version() const { return SSL_get_version(side_->ssl); }

}  // namespace tdn::io
