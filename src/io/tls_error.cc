// What OpenSSL says of a handshake that failed, in words that name the host and the remedy.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "io/detail/tls_stream.h"

namespace tdn::io {
namespace {

// What a certificate says is somebody else's text: kept short, and printable ASCII only.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 80));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return shown({data, static_cast<std::size_t>(std::max(size, 0L))});
}

std::string date_of(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  return time != nullptr && ASN1_TIME_print(bio.get(), time) == 1 ? text_of(bio.get())
                                                                  : "an unreadable date";
}

std::string name_of(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return text_of(bio.get());
}

// The first few names that the certificate is for.
std::string names_in(X509* certificate) {
  std::string out;
  auto* const names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < std::min(sk_GENERAL_NAME_num(names), 3); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      const auto* const bytes =
          reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
      out += (out.empty() ? "" : ", ") + shown({bytes, size});
    }
  }
  GENERAL_NAMES_free(names);
  return out.empty() ? "another host" : out;
}

std::string certificate_fault(long verdict, X509* certificate, const std::string& host) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format(
          "it expired on {}; its owner must renew it, unless this machine's clock is wrong",
          certificate == nullptr ? "an earlier date" : date_of(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format(
          "it is not valid before {}; is this machine's clock right?",
          certificate == nullptr ? "a later date" : date_of(X509_get0_notBefore(certificate)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format(
          "it is for {}, not for {}; correct the url, or have it issued for that name",
          certificate == nullptr ? "another host" : names_in(certificate), host);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return fmt::format(
          "its authority ({}) is not one that this machine trusts; if it is yours, name its "
          "certificate with --upstream-ca",
          certificate == nullptr ? "unknown" : name_of(X509_get_issuer_name(certificate)));
    default:
      return fmt::format("{}; its owner must have a new one issued",
                         X509_verify_cert_error_string(verdict));
  }
}

std::string protocol_fault(int reason) {
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
      return "no TLS is spoken at that port; check the port, or write http://";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "it offers neither TLS 1.2 nor 1.3; it must be brought up to date";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
      return "it has no cipher in common with us: TLS 1.2 with ECDHE and AES-GCM or ChaCha20 is "
             "the "
             "least that we take";
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
      return "it does not know that name; correct the url";
    default:
      break;
  }
  const char* const text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
  return fmt::format("the handshake failed: {}", text == nullptr ? "no reason given" : text);
}

}  // namespace

int tls_verified(int good, X509_STORE_CTX* verification) {
  if (good == 1) {
    return 1;
  }
  const auto* const ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  stream->refuse(
      {Code::kInvalid, fmt::format("the certificate of {} is refused: {}", stream->host(),
                                   certificate_fault(X509_STORE_CTX_get_error(verification),
                                                     X509_STORE_CTX_get_current_cert(verification),
                                                     stream->host()))});
  return 0;
}

Error tls_handshake_error(const std::string& host, bool ended) {
  if (ended) {
    return {Code::kUnavailable, fmt::format("{} closed the connection in the TLS handshake", host)};
  }
  return {Code::kUnavailable,
          fmt::format("{}: {}", host, protocol_fault(ERR_GET_REASON(ERR_peek_error())))};
}

}  // namespace tdn::io
