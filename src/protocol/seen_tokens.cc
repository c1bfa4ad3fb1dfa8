#include "protocol/seen_tokens.h"

#include <array>
#include <bit>

#include "base/assert.h"

namespace tdn::protocol {
namespace {

constexpr unsigned kTickShift = 8;  // 256 ms
constexpr std::uint64_t kTickMask = 0xffff;
// Ticks that an expiry can lie ahead: the longest life, rounded up twice.
constexpr std::uint64_t kMostAhead = (kMostLifetimeMs >> kTickShift) + 2;

std::uint64_t mix(std::uint64_t value) {  // the finaliser of MurmurHash3, a bijection
  value ^= value >> 33U;
  value *= 0xff51afd7ed558ccd;
  value ^= value >> 33U;
  value *= 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33U;
}

std::uint64_t hash_of(const RouteToken& token) {
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(token.request.uid.bytes);
  return mix(halves[0] ^ mix(halves[1] ^ mix(token.leg)));
}

// The expiry lies ahead of `now`; ticks that wrapped around count as behind but for the few seconds
// in which an old slot looks taken once in four hours.
bool is_live(std::uint64_t slot, std::uint64_t now_tick) {
  const std::uint64_t ahead = ((slot & kTickMask) - now_tick) & kTickMask;
  return slot != 0 && ahead > 0 && ahead <= kMostAhead;
}

tl::unexpected<Error> used() { return fail(Code::kInvalid, "the route token was used before"); }

}  // namespace

SeenTokens::SeenTokens(std::size_t buckets_log2)
    : mask_((std::size_t{1} << buckets_log2) - 1),
      buckets_(std::make_unique<Bucket[]>(std::size_t{1} << buckets_log2)) {
  TDN_ASSERT(buckets_log2 <= 16);
}

// Two shards that note the same token at the same moment mostly take the same slot, where one of
// them loses and looks again; should they take different ones, the look behind tells at least one
// of them.
Result<void> SeenTokens::use(const RouteToken& token, std::uint64_t now_ms) {
  const std::uint64_t hash = hash_of(token);
  const std::uint64_t fingerprint = hash & ~kTickMask;
  const std::array<std::atomic<std::uint64_t>*, 2> buckets{buckets_[hash & mask_].slots,
                                                           buckets_[mix(hash) & mask_].slots};
  const std::uint64_t now_tick = now_ms >> kTickShift;
  const std::uint64_t wanted = fingerprint | (((token.expiry_ms >> kTickShift) + 1) & kTickMask);
  const auto is_same = [&](std::uint64_t slot) {
    return is_live(slot, now_tick) && (slot & ~kTickMask) == fingerprint;
  };
  while (true) {
    std::atomic<std::uint64_t>* free = nullptr;
    std::uint64_t before = 0;
    std::size_t most_room = 0;
    for (std::atomic<std::uint64_t>* const slots : buckets) {
      std::size_t room = 0;
      for (std::size_t i = 0; i < kWays; ++i) {
        const std::uint64_t slot = slots[i].load();
        if (is_same(slot)) {
          return used();
        }
        if (!is_live(slot, now_tick) && ++room > most_room) {
          most_room = room;
          free = &slots[i];
          before = slot;
        }
      }
    }
    if (free == nullptr) {
      return fail(Code::kOverloaded, "too many requests of peers at once; retry elsewhere");
    }
    if (!free->compare_exchange_strong(before, wanted)) {
      continue;
    }
    for (std::atomic<std::uint64_t>* const slots : buckets) {
      for (std::size_t i = 0; i < kWays; ++i) {
        if (&slots[i] != free && is_same(slots[i].load())) {
          return used();
        }
      }
    }
    return {};
  }
}

}  // namespace tdn::protocol
