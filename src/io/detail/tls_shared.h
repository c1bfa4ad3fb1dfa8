// What the streams of one TlsClient have in common. Belongs to its loop's thread.
#pragma once

#include <map>
#include <string>

#include "io/tls.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace tdn::io {

struct TlsShared {
  TlsShared() = default;
  ~TlsShared();
  TlsShared(const TlsShared&) = delete;
  TlsShared& operator=(const TlsShared&) = delete;

  // Takes the session over. At most TlsClient::kSessions; then one of another host goes.
  void keep(const std::string& host, ssl_session_st* session);

  ssl_ctx_st* context = nullptr;
  std::map<std::string, ssl_session_st*> sessions;  // by host
  TlsCounts counts;
};

}  // namespace tdn::io
