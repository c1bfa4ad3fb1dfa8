// Cost of one routing decision by number of endpoints that serve the model, a fifth of them down,
// with a policy in force.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "route/choose.h"
#include "route/world_test.h"

namespace tdn::route {
namespace {

void choose_among(benchmark::State& bench) {
  domain::Manifests all = small_world();
  const std::vector<std::string> sites = {"berlin", "frankfurt", "oslo", "paris"};
  for (std::int64_t i = 0; i < bench.range(0); ++i) {
    all.endpoints.push_back(
        endpoint(fmt::format("e{:05}", i), sites[static_cast<std::size_t>(i) % sites.size()]));
  }
  domain::RuleSpec rule;
  rule.require.zones = {"eu"};
  all.policies = {object<domain::PolicySpec>("p", {{rule}})};
  const auto table = Table::create(compile(all), {1}, nullptr);
  const Instant now = std::chrono::hours(1);
  for (std::uint32_t i = 0; i < all.endpoints.size(); i += 5) {
    table->state({i}).observe(Observation::kRefused, now);
  }
  const domain::Key& key = table->snapshot().keys()[0];
  const Request request{.key = &key,
                        .model = {0},
                        .client = {},
                        .tried = {},
                        .now = now,
                        .work = usual_work(*table, {0}, objective_of(key), 8'000, 0)};
  Scratch scratch;
  for (auto _ : bench) {
    benchmark::DoNotOptimize(choose(*table, request, scratch).candidates.front().endpoint);
  }
}
BENCHMARK(choose_among)->Arg(2)->Arg(64)->Arg(1'000);

}  // namespace
}  // namespace tdn::route
