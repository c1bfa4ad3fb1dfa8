#include "engine/profile.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tdn::engine {
namespace {

// clang-format off
constexpr std::array<Profile, 9> kProfiles = {{
  // name                     m0     m1  k0     k1     ckv     cpa      lm    o0    o1  ar  KV
  {"rtx4090_llama8b",         15200, 34, 5935,  87.6,  0.137,  0.00379, 1100, 500,  5,  0,  41408},
  {"rtxpro6000_llama8b",      9900,  14, 5348,  35.2,  0.0855, 0.0019,  620,  2000, 25, 0,  480000},
  {"rtxpro6000x2_qwen32b",    23200, 30, 13015, 77.7,  0.0865, 0.0039,  500,  7600, 25, 86, 380000},
  {"a100_llama8b",            9700,  12, 9000,  64.6,  0.080,  0.0026,  700,  2000, 20, 0,  450000},
  {"h100_llama8b",            5500,  6,  1950,  17.5,  0.049,  0.00105, 370,  2000, 20, 0,  450000},
  {"h100x2_qwen32b",          10500, 8,  3000,  46,    0.049,  0.0021,  500,  2000, 20, 0,  307328},
  {"h100x4_llama70b",         14300, 12, 5000,  52.3,  0.031,  0.0013,  400,  4000, 20, 13, 480000},
  {"a100x4_llama70b",         24900, 15, 25000, 152.7, 0.050,  0.0033,  500,  4000, 20, 16, 480000},
  {"l40s_llama8b",            20200, 20, 6000,  103,   0.190,  0.0048,  1200, 2000, 20, 0,  210000},
}};
// clang-format on

}  // namespace

std::span<const Profile> profiles() { return kProfiles; }

const Profile* find_profile(std::string_view name) {
  const auto* found = std::find_if(kProfiles.begin(), kProfiles.end(),
                                   [&](const Profile& profile) { return profile.name == name; });
  return found == kProfiles.end() ? nullptr : found;
}

Duration step_time(const Profile& profile, const Batch& batch) {
  double context = 0;    // of what generates
  double positions = 0;  // of prompt tokens
  int sequences = batch.embed.empty() ? 0 : 1;
  int slot = -1;
  int index = 0;
  for (const Entry& entry : batch.entries) {
    (index++ < batch.decodes ? context : positions) += entry.position;
    sequences += entry.slot == slot ? 0 : 1;
    slot = entry.slot;
  }
  const auto embedded = static_cast<double>(batch.embed.size());
  positions += embedded * (embedded - 1) / 2;
  const double tokens = static_cast<double>(batch.entries.size()) + embedded;
  const double us = std::max(profile.m0 + profile.m1 * tokens, profile.k0 + profile.k1 * tokens) +
                    profile.ckv * context + profile.cpa * positions + profile.lm + profile.o0 +
                    profile.o1 * sequences + profile.ar * tokens;
  return Duration(std::llround(us * 1e3));
}

}  // namespace tdn::engine
