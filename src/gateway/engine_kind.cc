#include "gateway/engine_kind.h"

#include "base/assert.h"

namespace tdn::gateway {
namespace {

constexpr EngineMetrics kTdnMetrics{
    .running = "tdn_engine_requests_running",
    .waiting = "tdn_engine_requests_waiting",
    .slots = "tdn_engine_slots",
    .kv_use = {},
    .prefill = {{{.work = "tdn_engine_prompt_tokens_total",
                  .not_of_it = "",
                  .seconds = "tdn_engine_prefill_seconds_total",
                  .calls = "tdn_engine_prefill_calls_total"}}},
    .decode = {{{.work = "tdn_engine_decode_calls_total",
                 .not_of_it = "tdn_engine_prefill_calls_total",
                 .seconds = "tdn_engine_decode_seconds_total"}}},
};

// llama.cpp's server with --metrics. `prompt_tokens_total` leaves out what was cached.
constexpr EngineMetrics kLlamacppMetrics{
    .running = "llamacpp:requests_processing",
    .waiting = "llamacpp:requests_deferred",
    .slots = "",
    .kv_use = {},
    .prefill = {{{.work = "llamacpp:prompt_tokens_total",
                  .not_of_it = "",
                  .seconds = "llamacpp:prompt_seconds_total"}}},
    .decode = {{{.work = "llamacpp:tokens_predicted_total",
                 .not_of_it = "",
                 .seconds = "llamacpp:tokens_predicted_seconds_total"}}},
};

// vLLM's `prompt_tokens_total` counts cached tokens too, so the histogram of those computed is
// taken. Until 0.11 the gap between tokens was called time_per_output_token; kv_cache_usage_perc
// was gpu_cache_usage_perc until 0.10.
constexpr EngineMetrics kVllmMetrics{
    .running = "vllm:num_requests_running",
    .waiting = "vllm:num_requests_waiting",
    .slots = "",
    .kv_use = {"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"},
    .prefill = {{{.work = "vllm:request_prefill_kv_computed_tokens_sum",
                  .not_of_it = "",
                  .seconds = "vllm:request_prefill_time_seconds_sum",
                  .calls = "vllm:request_prefill_time_seconds_count"}}},
    .decode = {{{.work = "vllm:inter_token_latency_seconds_count",
                 .not_of_it = "",
                 .seconds = "vllm:inter_token_latency_seconds_sum"},
                {.work = "vllm:time_per_output_token_seconds_count",
                 .not_of_it = "",
                 .seconds = "vllm:time_per_output_token_seconds_sum"}}},
};

// With --enable-metrics. It counts no seconds of prefill: those are learned from answers.
constexpr EngineMetrics kSglangMetrics{
    .running = "sglang:num_running_reqs",
    .waiting = "sglang:num_queue_reqs",
    .slots = "",
    .kv_use = {"sglang:token_usage"},
    .prefill = {},
    .decode = {{{.work = "sglang:inter_token_latency_seconds_count",
                 .not_of_it = "",
                 .seconds = "sglang:inter_token_latency_seconds_sum"},
                {.work = "sglang:time_per_output_token_seconds_count",
                 .not_of_it = "",
                 .seconds = "sglang:time_per_output_token_seconds_sum"}}},
};

constexpr std::array<EngineKind, 5> kKinds{{
    {.name = "tdn",
     .health = "/health",
     .metrics = &kTdnMetrics,
     .continuous_usage = true,
     .ours = true},
    {.name = "openai", .health = "/v1/models", .health_optional = true},
    {.name = "llamacpp", .health = "/health", .metrics = &kLlamacppMetrics},
    {.name = "vllm", .health = "/health", .metrics = &kVllmMetrics, .continuous_usage = true},
    {.name = "sglang", .health = "/health", .metrics = &kSglangMetrics, .continuous_usage = true},
}};

}  // namespace

const EngineKind& engine_kind(domain::EngineKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  TDN_ASSERT(index < kKinds.size());
  return kKinds[index];
}

}  // namespace tdn::gateway
