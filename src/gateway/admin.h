// The admin listener: for the operator's probes and scrapers, never for clients.
//
//   GET /healthz   200 while the process lives
//   GET /readyz    200 when requests would be served, else 503 and why not
//   GET /metrics   Prometheus' text format
#pragma once

#include <string>

#include "http/server.h"

namespace tdn::gateway {

// What the listener tells of; implemented where everything is joined.
class AdminSource {
 public:
  // The error's detail is shown.
  [[nodiscard]] virtual Result<void> ready() = 0;
  [[nodiscard]] virtual io::Task<std::string> metrics() = 0;

 protected:
  ~AdminSource() = default;
};

class Admin final : public http::Handler {
 public:
  explicit Admin(AdminSource& source) : source_(source) {}
  io::Task<> handle(http::ServerConnection& client) override;
  io::Task<> refuse(http::ServerConnection& client, Error error) override;

 private:
  AdminSource& source_;
};

}  // namespace tdn::gateway
