#include "engine/metrics.h"

namespace tdn::engine {
namespace {

using enum MetricKind;

// clang-format off
constexpr MetricInfo kRunning{"tdn_engine_requests_running", kGauge, "requests", "Requests whose prompt is read or whose tokens are generated."};
constexpr MetricInfo kWaiting{"tdn_engine_requests_waiting", kGauge, "requests", "Requests in the queue."};
constexpr MetricInfo kQueueLimit{"tdn_engine_requests_queue_limit", kGauge, "requests", "Requests that may wait; more are refused as overloaded."};
constexpr MetricInfo kSlots{"tdn_engine_slots", kGauge, "requests", "Requests that can be generated together."};
constexpr MetricInfo kKvUsed{"tdn_engine_kv_used_tokens", kGauge, "tokens", "Tokens of key-value memory that running requests hold, blocks counted whole."};
constexpr MetricInfo kKvCached{"tdn_engine_kv_cached_tokens", kGauge, "tokens", "Tokens of key-value memory that ended requests left, kept for later ones until the room is needed."};
constexpr MetricInfo kKvCapacity{"tdn_engine_kv_capacity_tokens", kGauge, "tokens", "Tokens that the key-value memory can hold."};
constexpr MetricInfo kPrompt{"tdn_engine_prompt_tokens_total", kCounter, "tokens", "Prompt tokens evaluated, of embeddings too; neither those reused from earlier requests nor those evaluated again."};
constexpr MetricInfo kPrefixQueries{"tdn_engine_prefix_query_tokens_total", kCounter, "tokens", "Prompt tokens of requests that left the queue, looked for in memory."};
constexpr MetricInfo kPrefixHits{"tdn_engine_prefix_hit_tokens_total", kCounter, "tokens", "Those of them that were found and not evaluated: the sum of cached_tokens."};
constexpr MetricInfo kPreempted{"tdn_engine_preempted_total", kCounter, "requests", "Times that a running request gave up its memory to an older one."};
constexpr MetricInfo kRecomputed{"tdn_engine_recomputed_tokens_total", kCounter, "tokens", "Tokens evaluated again after that."};
constexpr MetricInfo kGeneration{"tdn_engine_generation_tokens_total", kCounter, "tokens", "Tokens generated: sampled, not the end of generation, for a request that was not cancelled by then."};
constexpr MetricInfo kDiscarded{"tdn_engine_discarded_tokens_total", kCounter, "tokens", "Tokens sampled for a request that was cancelled during the step."};
constexpr MetricInfo kDecodes{"tdn_engine_decode_calls_total", kCounter, "calls", "Steps of the model, of every kind."};
constexpr MetricInfo kPrefills{"tdn_engine_prefill_calls_total", kCounter, "calls", "Steps of the model with prompt tokens."};
constexpr MetricInfo kPrefillTime{"tdn_engine_prefill_seconds_total", kCounter, "seconds", "Time of the steps with prompt tokens."};
constexpr MetricInfo kDecodeTime{"tdn_engine_decode_seconds_total", kCounter, "seconds", "Time of the steps without prompt tokens."};
constexpr MetricInfo kPrefillRate{"tdn_engine_prefill_tokens_per_second", kGauge, "tokens/second", "Prompt tokens per second of the steps with prompt tokens, over about the last 10 s of them."};
constexpr MetricInfo kDecodeRate{"tdn_engine_decode_tokens_per_second", kGauge, "tokens/second", "Tokens generated per second of the steps that go on with a generation, over about the last 10 s of them."};
constexpr MetricInfo kRequests{"tdn_engine_requests_total", kCounter, "requests", "Requests that ended, by outcome."};
// clang-format on

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void sample(const Scheduler& scheduler, std::vector<Sample>& samples) {
  const Counters& counters = scheduler.counters();
  const auto add = [&](const MetricInfo& metric, auto value) {
    samples.emplace_back(metric, MetricLabels{}, static_cast<double>(value));
  };
  const auto add_outcome = [&](const char* outcome, std::uint64_t value) {
    samples.emplace_back(kRequests, MetricLabels{{"outcome", outcome}}, static_cast<double>(value));
  };
  add(kRunning, scheduler.running());
  add(kWaiting, scheduler.waiting());
  add(kQueueLimit, scheduler.limits().queue);
  add(kSlots, scheduler.limits().slots);
  const KvUse kv = scheduler.kv();
  add(kKvUsed, kv.used);
  add(kKvCached, kv.cached);
  add(kKvCapacity, kv.capacity);
  add(kPrompt, counters.prompt_tokens);
  add(kPrefixQueries, counters.prefix_queries);
  add(kPrefixHits, counters.prefix_hits);
  add(kPreempted, counters.preempted);
  add(kRecomputed, counters.recomputed_tokens);
  add(kGeneration, counters.generation_tokens);
  add(kDiscarded, counters.discarded_tokens);
  add(kDecodes, counters.steps);
  add(kPrefills, counters.prefill_steps);
  add(kPrefillTime, seconds(counters.prefill_time));
  add(kDecodeTime, seconds(counters.decode_time));
  add(kPrefillRate, scheduler.prefill_rate().per_second());
  add(kDecodeRate, scheduler.decode_rate().per_second());
  add_outcome("stop", counters.finished_stop);
  add_outcome("length", counters.finished_length);
  add_outcome("embedding", counters.embedded);
  add_outcome("cancelled", counters.cancelled);
  add_outcome("overloaded", counters.overloaded);
  add_outcome("failed", counters.failed);
}

}  // namespace tdn::engine
