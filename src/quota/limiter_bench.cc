// Cost of admitting and settling one request through three limited levels.
#include <benchmark/benchmark.h>

#include "domain/identity.h"
#include "quota/limiter.h"

namespace tdn::quota {
namespace {

template <class Spec>
domain::Object<Spec> limited(std::string name) {
  domain::Object<Spec> result;
  result.metadata.name = std::move(name);
  result.spec.limits = {1'000'000'000, 1'000'000'000, 1'000'000};
  return result;
}

void admit_and_settle(benchmark::State& bench) {
  domain::Manifests all;
  all.tenants = {limited<domain::TenantSpec>("t")};
  all.projects = {limited<domain::ProjectSpec>("t/p")};
  all.keys = {limited<domain::KeySpec>("t/p/k")};
  SeededRandom random(1);
  domain::Identities ids;
  domain::update(ids, all, {}, random);
  const auto limiter = Limiter::create(*domain::Snapshot::compile(all, ids), nullptr);
  Instant now = std::chrono::hours(1);
  for (auto _ : bench) {
    now += std::chrono::microseconds(10);
    Admission admission = limiter->admit({0}, 1'000, now);
    admission.reservation.settle(100);
    benchmark::DoNotOptimize(admission.windows.tokens.remaining);
  }
}
BENCHMARK(admit_and_settle);

}  // namespace
}  // namespace tdn::quota
