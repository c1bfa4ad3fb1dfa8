// How long a step of a known engine takes: accelerators with a language model, by name. A step with
// T tokens of B sequences takes, in microseconds,
//
//     max(m0 + m1·T, k0 + k1·T)      weights: bound by memory, or by compute
//   + ckv · Σ context of the sequences that generate
//   + cpa · Σ positions of the prompt tokens               attention
//   + lm + o0 + o1·B + ar·T          head and sampler, launch, per sequence, between accelerators
//
// The coefficients of the dense layers, attention and head were fitted to kernel timings, o0 and o1
// (and ar) to whole runs of vLLM 0.19; both were published with LLMServingSim
// (https://github.com/casys-kaist/LLMServingSim, commit 5daddb2, MIT licence, © 2024 CASYS, KAIST).
// How well they match is profile_test.cc's business and told in docs/guide/engine.md, together with
// which of them were measured whole, measured in parts, or derived.
//
// Models with experts are not among them: their weights' time depends on which experts a step
// needs.
#pragma once

#include <span>
#include <string_view>

#include "base/time.h"
#include "engine/model.h"

namespace tdn::engine {

struct Profile {
  std::string_view name;
  // Microseconds; per token, per token of context, per prompt token and token before it, per
  // sequence.
  double m0, m1, k0, k1;
  double ckv, cpa;
  double lm, o0, o1, ar;
  int kv_tokens;  // that fit beside the weights
};

[[nodiscard]] std::span<const Profile> profiles();
[[nodiscard]] const Profile* find_profile(std::string_view name);

[[nodiscard]] Duration step_time(const Profile& profile, const Batch& batch);

}  // namespace tdn::engine
