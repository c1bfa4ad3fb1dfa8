// How long a step of a simulated engine takes, and what else describes such an engine. Set by a
// small YAML file, of which every field has a default:
//
//   model: simulated            # the name in /v1/models
//   contextLength: 8192         # tokens of one sequence
//   slots: 8                    # sequences generated together
//   queue: 64                   # requests that wait
//   batchTokens: 512            # prompt tokens evaluated in one step, at most
//   seed: 1                     # of the text, for requests without a seed
//   meanOutput: 200             # tokens until the model ends by itself, on average; 0: never
//   dimensions: 64              # of embeddings
//   kv: {tokens: 65536, blockTokens: 16, prefixCache: true}   # memory; default slots × context
//   prefill: {base: 0.004, perToken: 0.0002, perTokenContext: 0.00000001}
//   decode: {base: 0.012, perSequence: 0.0008, perKvToken: 0.0000001}
//
// or, instead of the last two,
//
//   profile: h100_llama8b       # an accelerator of engine/profile.h
//
// which also sets other defaults: the model's name, a context of 32,768 tokens or what fits, 256
// slots, 2,048 tokens per step, and the size of the memory.
//
// Seconds. Without a profile a step costs
//     prefill.base per prompt begun + perToken × prompt tokens + perTokenContext × Σ their
//     positions
//   + decode.base if any sequence generates + perSequence × sequences + perKvToken × Σ their
//   lengths,
// the usual linear model of an accelerator bound by compute in prefill and by memory in decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "engine/model.h"
#include "engine/profile.h"

namespace tdn::engine {

struct Timing {
  std::string model = "simulated";
  int context_length = 8192;
  int slots = 8;
  int queue = 64;
  int batch_tokens = 512;
  std::uint64_t seed = 1;
  std::uint32_t mean_output = 200;
  int dimensions = 64;
  int block_tokens = 16;
  int kv_capacity = 0;  // tokens; 0: every slot has room for a whole context
  bool prefix_cache = true;
  const Profile* profile = nullptr;  // replaces the seconds below
  double prefill_base_seconds = 0.004;
  double prefill_token_seconds = 0.0002;
  double prefill_token_context_seconds = 0.00000001;
  double decode_base_seconds = 0.012;
  double decode_sequence_seconds = 0.0008;
  double decode_kv_token_seconds = 0.0000001;

  // Of the key-value memory: whole blocks, enough for one context at least.
  [[nodiscard]] int kv_blocks() const {
    const std::int64_t whole = std::int64_t{slots} * blocks_for(context_length);
    return kv_capacity > 0 ? kv_capacity / block_tokens : static_cast<int>(whole);
  }
  [[nodiscard]] int blocks_for(int tokens) const {
    return (tokens + block_tokens - 1) / block_tokens;
  }
};

// An error is kInvalid and names file, line and the remedy. Unknown fields are refused.
[[nodiscard]] Result<Timing> parse_timing(std::string_view yaml, std::string_view file);

[[nodiscard]] Duration step_time(const Timing& timing, const Batch& batch);

}  // namespace tdn::engine
