// What the request path looks things up in: a snapshot of the operator's objects, joined with what
// lives on over reloads (what was spent of limits, the state of endpoints) and with the secrets of
// upstreams. Immutable but for those states; one object for all shards; a request keeps the one it
// began with.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/snapshot.h"
#include "io/tls.h"
#include "quota/reservation.h"
#include "route/table.h"

namespace tdn::gateway {

class Catalogue {
 public:
  // Reads the credentials of the endpoints that are called from here, and the certificates that are
  // trusted if one of them is called over https. `previous` (may be null) hands on states; `reach`
  // says whether endpoints of other sites are called from here or through their edges;
  // `upstream_ca` is a file with authorities besides the machine's own, or empty. An endpoint whose
  // credential cannot be read is left out of routing until another catalogue finds it, which the
  // log tells. Errors: kInvalid, naming the file whose certificates cannot be used.
  [[nodiscard]] static Result<std::shared_ptr<const Catalogue>> create(
      std::shared_ptr<const domain::Snapshot> snapshot, domain::SiteIndex here,
      const Catalogue* previous, route::Reach reach = route::Reach::kDirect,
      const std::string& upstream_ca = {});

  // Counts up from reload to reload.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const domain::Snapshot& snapshot() const { return table_->snapshot(); }
  [[nodiscard]] const route::Table& table() const { return *table_; }
  [[nodiscard]] domain::SiteIndex here() const { return table_->here(); }

  // The limiters above a key: its own, its project's, its tenant's.
  [[nodiscard]] std::span<const quota::Limiter* const> limiters(const domain::Key& key) const;

  // "Bearer …" for the endpoint's Authorization field, or empty.
  [[nodiscard]] const std::string& credential(domain::EndpointIndex endpoint) const {
    return credentials_[endpoint.value];
  }
  // Why the endpoint cannot be used at all from here; empty if it can.
  [[nodiscard]] const std::string& unusable(domain::EndpointIndex endpoint) const {
    return unusable_[endpoint.value];
  }
  // Null if no endpoint is called over https from here.
  [[nodiscard]] const std::shared_ptr<const io::TlsTrust>& trust() const { return trust_; }
  // What the heads of all requests to the endpoint have in common: "POST" and the path before
  // /v1, then, behind the path, all fields that are the same for every request.
  struct EngineHead {
    std::string start;
    std::string fields;
  };
  [[nodiscard]] const EngineHead& engine_head(domain::EndpointIndex endpoint) const {
    return engine_heads_[endpoint.value];
  }
  // "frankfurt/frankfurt-1; reason=", as the `tdn-route` field has it.
  [[nodiscard]] const std::string& route_text(domain::EndpointIndex endpoint) const {
    return route_texts_[endpoint.value];
  }
  // Whether the engine says of itself that it is simulated; false until it was asked.
  [[nodiscard]] std::atomic<bool>& simulated(domain::EndpointIndex endpoint) const {
    return *simulated_[endpoint.value];
  }

 private:
  Catalogue() = default;
  void make_limiters(const Catalogue* previous);
  [[nodiscard]] bool called_from_here(const domain::Endpoint& endpoint) const;
  Result<void> load_trust(const Catalogue* previous, const std::string& upstream_ca);
  void read_credentials();
  void make_texts();
  void mark_unusable(const Catalogue* previous) const;

  struct Chain {
    std::array<const quota::Limiter*, quota::Reservation::kLevels> levels{};
    std::size_t count = 0;
  };
  std::uint64_t number_ = 1;
  std::shared_ptr<const route::Table> table_;
  std::map<Uid, std::unique_ptr<quota::Limiter>> limiters_;  // by key, project, tenant
  std::vector<Chain> chains_;                                // by key index
  bool through_peers_ = false;
  std::shared_ptr<const io::TlsTrust> trust_;
  std::vector<std::string> credentials_;  // by endpoint index, as the next three
  std::vector<std::string> unusable_;
  std::vector<EngineHead> engine_heads_;
  std::vector<std::string> route_texts_;
  std::vector<std::shared_ptr<std::atomic<bool>>> simulated_;
};

}  // namespace tdn::gateway
