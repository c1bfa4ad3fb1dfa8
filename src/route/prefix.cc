#include "route/prefix.h"

#include <cstring>

namespace tdn::route {
namespace {

constexpr std::uint32_t kStep = 512;
constexpr std::uint32_t kEvenUntil = 8 * 1024;

std::uint32_t after(std::uint32_t bytes) {
  return bytes < kEvenUntil ? bytes + kStep : bytes + bytes / 8 / 64 * 64;
}

// Multiply and fold: the 128-bit product of what was so far and what comes, its halves added up.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint64_t seconds(Instant instant) {
  return static_cast<std::uint64_t>(
             std::chrono::duration_cast<std::chrono::seconds>(instant).count()) &
         UINT32_MAX;
}

}  // namespace

void find_beginnings(const PrefixKey& key, std::string_view text, Beginnings& found) {
  found.clear();
  std::uint64_t state = key.secret[0];
  for (const Uid* uid : {&key.tenant, &key.model}) {
    std::array<std::uint64_t, 2> words{};
    static_assert(sizeof uid->bytes == sizeof words);
    std::memcpy(words.data(), uid->bytes.data(), sizeof words);
    state = folded(state ^ words[0], key.secret[1] ^ words[1] ^ 0x9e3779b97f4a7c15U);
  }
  std::size_t at = 0;
  for (std::uint32_t until = kStep; until <= text.size() && !found.full(); until = after(until)) {
    for (; at < until; at += 16) {
      state = folded(state ^ word_at(text.data() + at),
                     key.secret[1] ^ word_at(text.data() + at + 8) ^ 0xbf58476d1ce4e5b9U) +
              at;
    }
    // The state goes on; what is given away is another function of it.
    found.push_back({folded(state ^ key.secret[1], key.secret[0] | 1U) ^ state, until});
  }
}

PrefixTable::PrefixTable(std::array<std::uint64_t, 2> secret)
    : secret_(secret), buckets_(std::make_unique<Bucket[]>(kBuckets)) {}

std::optional<std::uint32_t> PrefixTable::find(std::uint64_t hash, Instant now) const {
  for (const Slot& slot : bucket_of(hash).slots) {
    const std::uint64_t value = slot.value.load(std::memory_order_relaxed);
    if (value != 0 && (slot.check.load(std::memory_order_relaxed) ^ value) == hash) {
      const std::uint64_t age = (seconds(now) - value) & UINT32_MAX;
      if (age > static_cast<std::uint64_t>(kKept / std::chrono::seconds(1))) {
        return std::nullopt;
      }
      return static_cast<std::uint32_t>(value >> 32U);
    }
  }
  return std::nullopt;
}

void PrefixTable::put(std::uint64_t hash, std::uint32_t endpoint_tag, Instant now) {
  auto& slots = bucket_of(hash).slots;
  Slot* place = slots.data();
  std::uint64_t oldest = 0;
  for (Slot& slot : slots) {
    const std::uint64_t value = slot.value.load(std::memory_order_relaxed);
    if (value == 0 || (slot.check.load(std::memory_order_relaxed) ^ value) == hash) {
      place = &slot;
      break;
    }
    const std::uint64_t age = (seconds(now) - value) & UINT32_MAX;
    if (age > oldest) {
      place = &slot;
      oldest = age;
    }
  }
  const std::uint64_t value = std::uint64_t{endpoint_tag} << 32U | seconds(now);
  if (value != place->value.load(std::memory_order_relaxed) ||
      (place->check.load(std::memory_order_relaxed) ^ value) != hash) {
    place->value.store(value, std::memory_order_relaxed);
    place->check.store(hash ^ value, std::memory_order_relaxed);
  }
}

}  // namespace tdn::route
