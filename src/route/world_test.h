// Catalogues for tests and benchmarks of routing.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "domain/identity.h"
#include "domain/manifest.h"
#include "domain/snapshot.h"
#include "route/endpoint_state.h"

namespace tdn::route {

template <class Spec>
domain::Object<Spec> object(std::string name, Spec spec = {}) {
  domain::Object<Spec> result;
  result.metadata.name = std::move(name);
  result.spec = std::move(spec);
  return result;
}

inline domain::Object<domain::SiteSpec> site(std::string name, std::string country, double latitude,
                                             double longitude) {
  domain::SiteSpec spec;
  spec.location = {std::move(country), "", latitude, longitude};
  return object(std::move(name), std::move(spec));
}

inline domain::Object<domain::EndpointSpec> endpoint(std::string name, std::string site,
                                                     std::int64_t concurrency = 8) {
  domain::EndpointSpec spec;
  spec.site = std::move(site);
  spec.url = "http://127.0.0.1:1";
  spec.models = {{"m", ""}};
  spec.concurrency = concurrency;
  return object(std::move(name), std::move(spec));
}

// One model `m`, one key of tenant `t`; sites Berlin, Frankfurt, Oslo, Paris; zones eu and north.
inline domain::Manifests small_world() {
  domain::Manifests all;
  all.sites = {site("berlin", "DE", 52.52, 13.40), site("frankfurt", "DE", 50.11, 8.68),
               site("oslo", "NO", 59.91, 10.75), site("paris", "FR", 48.86, 2.35)};
  all.zones = {object<domain::ZoneSpec>("eu", {{"DE", "FR"}, {}, {}}),
               object<domain::ZoneSpec>("north", {{"NO"}, {}, {}})};
  all.models = {object<domain::ModelSpec>("m")};
  all.tenants = {object<domain::TenantSpec>("t")};
  all.projects = {object<domain::ProjectSpec>("t/p")};
  all.keys = {object<domain::KeySpec>("t/p/k")};
  return all;
}

inline std::shared_ptr<const domain::Snapshot> compile(domain::Manifests all) {
  std::sort(all.endpoints.begin(), all.endpoints.end(),
            [](const auto& a, const auto& b) { return a.metadata.name < b.metadata.name; });
  SeededRandom random(1);
  domain::Identities ids;
  domain::update(ids, all, WallTime{1'767'225'600'000'000}, random);
  return domain::Snapshot::compile(all, ids);
}

// As it is at `now` after so many falls through failed requests, the last of them a while ago.
inline void eject(Instant now, EndpointState& state, int falls = 1) {
  using namespace std::chrono_literals;
  for (int i = 0; i < falls; ++i) {
    state.observe(Observation::kProbeAnswered, now - 30min + i * 40s);
    for (int failure = 0; failure < kFailures; ++failure) {
      state.observe(Observation::kServerError, now - 30min + i * 40s);
    }
  }
  TDN_ASSERT(state.health() == Health::kEjected && state.health_state().falls == falls);
}

}  // namespace tdn::route
