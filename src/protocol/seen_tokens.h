// Which tokens were used already, so that each is good once: by (request, leg), until the token's
// expiry. One object per process, shared by all shards: a replay may come to any of them.
//
// A table of fixed size without locks. What is kept of a token is 48 bits of a hash beside its
// expiry; two tokens that live at the same time are taken for one in a case of 2⁵⁸ or so, and the
// second is then refused and tried elsewhere. Full: kOverloaded, never forgetting.
//
// Bounds: 2¹⁶ buckets (4 MiB) of 8 tokens unless told otherwise, each token in
// the emptier of its two, which fills the table to three quarters before one finds no room: at 10 s
// of life 39,000 requests per second.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "protocol/route_token.h"

namespace tdn::protocol {

class SeenTokens {
 public:
  static constexpr std::size_t kBucketsLog2 = 16;
  static constexpr std::size_t kWays = 8;

  // 2^`buckets_log2` buckets; at most 2^16.
  explicit SeenTokens(std::size_t buckets_log2 = kBucketsLog2);

  // Notes the token as used. Errors: kInvalid (it was used before), kOverloaded (no room to note
  // it; nobody may serve what cannot be noted). The token's times were checked. Any thread.
  [[nodiscard]] Result<void> use(const RouteToken& token, std::uint64_t now_ms);

 private:
  // A slot holds the fingerprint in its upper 48 bits and the expiry, in ticks of 256 ms modulo
  // 2^16, in the lower 16. Zero: never used.
  struct alignas(64) Bucket {
    std::atomic<std::uint64_t> slots[kWays];
  };
  const std::size_t mask_;
  std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace tdn::protocol
