#include "requests/shard_log.h"

namespace tdn::requests {
namespace {

std::byte* put(std::byte* at, const void* value, std::size_t bytes) {
  if (bytes > 0) {
    std::memcpy(at, value, bytes);
  }
  return at + bytes;
}

}  // namespace

std::byte* ShardLog::begin(Kind kind, std::size_t bytes) {
  const std::size_t whole = (sizeof(Header) + bytes + 7) / 8 * 8;
  const std::uint64_t head = head_.load(std::memory_order_relaxed);
  const std::size_t at = head % kBytes;
  const std::size_t padding = kBytes - at < whole ? kBytes - at : 0;
  if (head + padding + whole - tail_.load(std::memory_order_acquire) > kBytes) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  if (padding > 0) {
    const Header skip{Kind::kPadding, static_cast<std::uint32_t>(padding)};
    put(ring_.get() + at, &skip, sizeof skip);
  }
  const Header header{kind, static_cast<std::uint32_t>(whole)};
  next_head_ = head + padding + whole;
  return put(ring_.get() + (head + padding) % kBytes, &header, sizeof header);
}

void ShardLog::commit() { head_.store(next_head_, std::memory_order_release); }

void ShardLog::decided(const RawDecided& decided, std::span<const route::Beginning> beginnings,
                       std::span<const route::Facts> all, const Notable& kept) {
  RawDecided raw = decided;
  const std::size_t hashes = std::min(beginnings.size(), Decided::kMostBeginnings);
  raw.beginnings = static_cast<std::uint8_t>(hashes);
  raw.facts = static_cast<std::uint8_t>(kept.size());
  raw.left_out = static_cast<std::uint32_t>(all.size() - kept.size());
  std::byte* at = begin(Kind::kDecided, sizeof raw + hashes * sizeof(route::Beginning) +
                                            kept.size() * sizeof(route::Facts));
  if (at == nullptr) {
    return;
  }
  at = put(at, &raw, sizeof raw);
  at = put(at, beginnings.last(hashes).data(), hashes * sizeof(route::Beginning));
  for (const std::uint32_t which : kept) {
    at = put(at, &all[which], sizeof(route::Facts));
  }
  commit();
}

void ShardLog::ended(const RawEnded& ended) {
  if (std::byte* const at = begin(Kind::kEnded, sizeof ended); at != nullptr) {
    put(at, &ended, sizeof ended);
    commit();
  }
}

}  // namespace tdn::requests
