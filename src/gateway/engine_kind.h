// What differs between the engines that an Endpoint may be of, as one table: how to ask for their
// health, where they tell their load, and what may be written into a request. What all of them do
// alike (OpenAI's API, `stream_options.include_usage`, `max_completion_tokens`) is not in it.
// docs/reference/engines.md is the same for operators.
#pragma once

#include <array>
#include <string_view>

#include "domain/manifest.h"

namespace tdn::gateway {

// Where an engine tells its load and speed. Of several names the first that is served counts:
// engines rename their metrics. Samples of one name are added up over data-parallel replicas.
struct EngineMetrics {
  static constexpr std::size_t kNames = 2;
  using Names = std::array<std::string_view, kNames>;
  // Work done and the seconds it took, counters both.
  struct Speed {
    std::string_view work;
    std::string_view not_of_it;  // to be taken off; empty: nothing
    std::string_view seconds;
    // How often, of prefill; empty: not told. Of short prompts the seconds say little of the
    // tokens.
    std::string_view calls = {};
  };

  std::string_view running;
  std::string_view waiting;
  std::string_view slots;
  Names kv_use;  // 0–1, the fullest replica's
  std::array<Speed, kNames> prefill;
  std::array<Speed, kNames> decode;
};

struct EngineKind {
  std::string_view name;
  std::string_view health;  // asked by probes
  // It need not have that path: a 404 is a sign of life too.
  bool health_optional = false;
  const EngineMetrics* metrics = nullptr;  // at /metrics; null: tells none
  // Takes `stream_options.continuous_usage_stats`; others may refuse what they do not know.
  bool continuous_usage = false;
  // Keeps the prompts of `tdn-cache-partition`s apart, and says which of its models are simulated.
  bool ours = false;
};

[[nodiscard]] const EngineKind& engine_kind(domain::EngineKind kind);

}  // namespace tdn::gateway
