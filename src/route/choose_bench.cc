// Cost of one routing decision by number of endpoints that serve the model, a fifth of them down, a
// third with requests under way and reports of some age, with a policy in force. p50 and p99
// include reading the clock twice.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>

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
    table->state(domain::EndpointIndex{i}).observe(Observation::kRefused, now);
  }
  std::vector<InFlight> under_way;
  for (std::uint32_t i = 0; i < all.endpoints.size(); i += 3) {
    EndpointState& state = table->state(domain::EndpointIndex{i});
    state.report({.running = i % 9, .waiting = i % 2, .prefill_ns_per_token = 40'000 + i},
                 now - std::chrono::milliseconds(i), now);
    for (std::uint32_t n = 0; n < i % 5; ++n) {
      under_way.push_back(*InFlight::try_begin(state, 8, {.tokens = 500, .now = now}));
    }
  }
  const domain::Key& key = table->snapshot().keys()[0];
  const Request request{.key = &key,
                        .model = {0},
                        .client = {},
                        .tried = {},
                        .now = now,
                        .work = usual_work(*table, {0}, objective_of(key), 8'000, 0)};
  Scratch scratch;
  std::vector<std::int64_t> took;
  took.reserve(std::size_t{1} << 20U);
  for (auto _ : bench) {
    const Instant begin = system_clock().now();
    benchmark::DoNotOptimize(choose(*table, request, scratch).candidates.front().endpoint);
    if (took.size() < took.capacity()) {
      took.push_back((system_clock().now() - begin).count());
    }
  }
  std::sort(took.begin(), took.end());
  bench.counters["p50_us"] = static_cast<double>(took[took.size() / 2]) / 1000;
  bench.counters["p99_us"] = static_cast<double>(took[took.size() * 99 / 100]) / 1000;
}
BENCHMARK(choose_among)->Arg(2)->Arg(64)->Arg(1'000);

}  // namespace
}  // namespace tdn::route
