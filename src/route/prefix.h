// Which endpoint has the beginning of a conversation in its cache, as far as this edge sent it
// there: keyed hashes of the beginnings of what engines were given to read, each with the endpoint
// that was last given it. A conversation grows at its end, so its next request begins with what the
// last one was; a new conversation with the same instructions shares their beginning.
//
// The hash is keyed with a secret of the process and with tenant and model, so no tenant can learn
// or steer by it what another one asks. It is no cryptographic one: two texts that collide cost a
// wrong guess at a cache, nothing else.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/fixed_vector.h"
#include "base/time.h"
#include "base/uid.h"

namespace tdn::route {

struct Beginning {
  std::uint64_t hash = 0;
  std::uint32_t bytes = 0;
  bool operator==(const Beginning&) const = default;
};
// Each 512 bytes up to 8 KiB, then each eighth more: 96 reach 80 MB, and the longest known
// beginning is at least eight ninths of what is common.
using Beginnings = FixedVector<Beginning, 96>;

struct PrefixKey {
  std::array<std::uint64_t, 2> secret{};
  Uid tenant;
  Uid model;
};
// Shortest first. What is behind the last full step is not covered.
void find_beginnings(const PrefixKey& key, std::string_view text, Beginnings& found);

// Lock-free and shared by all shards. Holds kSlots beginnings; when a bucket is full the oldest
// goes. 256 KiB.
class PrefixTable {
 public:
  static constexpr std::size_t kSlots = std::size_t{1} << 14U;
  // A cache keeps nothing longer that is not asked for.
  static constexpr Duration kKept = std::chrono::minutes(10);

  explicit PrefixTable(std::array<std::uint64_t, 2> secret);

  [[nodiscard]] const std::array<std::uint64_t, 2>& secret() const { return secret_; }
  // The tag (table.h) of the endpoint that was last given this beginning.
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t hash, Instant now) const;
  void put(std::uint64_t hash, std::uint32_t endpoint_tag, Instant now);

 private:
  // `check` is hash ^ value, so a pair that two writers mixed is not taken for either's.
  struct Slot {
    std::atomic<std::uint64_t> check{0};
    std::atomic<std::uint64_t> value{0};  // tag · 2³² + seconds since boot; 0: empty
  };
  static constexpr std::size_t kWays = 4;
  struct alignas(64) Bucket {
    std::array<Slot, kWays> slots;
  };
  static constexpr std::size_t kBuckets = kSlots / kWays;
  [[nodiscard]] Bucket& bucket_of(std::uint64_t hash) const { return buckets_[hash % kBuckets]; }

  std::array<std::uint64_t, 2> secret_;
  std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace tdn::route
