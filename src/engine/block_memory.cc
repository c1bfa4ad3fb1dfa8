#include "engine/block_memory.h"

#include <algorithm>

#include "base/assert.h"

namespace tdn::engine {
namespace {

// FNV-1a with a final mix; chains need no more than few collisions, for the blocks of a simulated
// engine hold nothing.
constexpr std::uint64_t kStart = 0xcbf29ce484222325;
constexpr std::uint64_t kPrime = 0x100000001b3;

constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33U)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33U)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33U);
}

std::uint64_t start_of(std::string_view partition) {
  std::uint64_t hash = kStart;
  for (const char byte : partition) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * kPrime;
  }
  return mix(hash);
}

}  // namespace

BlockMemory::BlockMemory(Size size, bool reuse)
    : size_(size),
      reuse_(reuse),
      sequences_(static_cast<std::size_t>(size.slots)),
      blocks_(static_cast<std::size_t>(size.blocks)) {
  TDN_ASSERT(size.slots >= 1 && size.blocks >= 1 && size.block_tokens >= 1);
  for (int i = 0; i < size.blocks; ++i) {
    blocks_[static_cast<std::size_t>(i)].place = unused_.insert(unused_.end(), i);
  }
}

std::optional<Place> BlockMemory::admit(std::span<const Token> tokens, std::string_view partition,
                                        int first) {
  const int slot = find_free_slot();
  if (slot < 0) {
    return std::nullopt;
  }
  Hash chain = start_of(partition);
  const std::vector<int> start = find_start(tokens, chain);
  const int reused = static_cast<int>(start.size()) * size_.block_tokens;
  const int wanted = std::min(static_cast<int>(tokens.size()), reused + first);
  for (const int block : start) {
    take(block);
  }
  Sequence& sequence = sequences_[static_cast<std::size_t>(slot)];
  sequence = {.running = true, .blocks = start, .chain = chain, .hashed = start.size()};
  if (!grow(slot, wanted)) {
    release(slot);
    return std::nullopt;
  }
  return Place{.slot = slot, .reused = reused, .source = slot};
}

int BlockMemory::find_free_slot() const {
  const auto free = std::find_if(sequences_.begin(), sequences_.end(),
                                 [](const Sequence& sequence) { return !sequence.running; });
  return free == sequences_.end() ? -1 : static_cast<int>(free - sequences_.begin());
}

std::vector<int> BlockMemory::find_start(std::span<const Token> tokens, Hash& chain) const {
  std::vector<int> found;
  const auto length = static_cast<std::size_t>(size_.block_tokens);
  for (std::size_t at = 0; reuse_ && at + length < tokens.size(); at += length) {
    const Hash hash = next(chain, tokens.subspan(at, length));
    const auto block = known_.find(hash);
    if (block == known_.end()) {
      break;
    }
    chain = hash;
    found.push_back(block->second);
  }
  return found;
}

BlockMemory::Hash BlockMemory::next(Hash chain, std::span<const Token> block) const {
  Hash hash = chain;
  for (const Token token : block) {
    hash = (hash ^ static_cast<std::uint32_t>(token)) * kPrime;
    hash ^= hash >> 29U;
  }
  return mix(hash);
}

bool BlockMemory::grow(int slot, int tokens) {
  Sequence& sequence = sequences_[static_cast<std::size_t>(slot)];
  TDN_ASSERT(sequence.running);
  const auto needed =
      static_cast<std::size_t>((tokens + size_.block_tokens - 1) / size_.block_tokens);
  if (needed > sequence.blocks.size() + unused_.size()) {
    return false;
  }
  while (sequence.blocks.size() < needed) {
    sequence.blocks.push_back(take_unused());
  }
  return true;
}

void BlockMemory::hold(int slot, std::span<const Token> evaluated, int /*prompt*/) {
  Sequence& sequence = sequences_[static_cast<std::size_t>(slot)];
  const auto length = static_cast<std::size_t>(size_.block_tokens);
  for (; reuse_ && (sequence.hashed + 1) * length <= evaluated.size(); ++sequence.hashed) {
    sequence.chain = next(sequence.chain, evaluated.subspan(sequence.hashed * length, length));
    const int block = sequence.blocks[sequence.hashed];
    // Another block with the same beginning may be known already; then this one ends with its
    // sequence.
    if (known_.try_emplace(sequence.chain, block).second) {
      blocks_[static_cast<std::size_t>(block)].known = true;
      blocks_[static_cast<std::size_t>(block)].hash = sequence.chain;
    }
  }
}

void BlockMemory::release(int slot) {
  Sequence& sequence = sequences_[static_cast<std::size_t>(slot)];
  for (auto block = sequence.blocks.rbegin(); block != sequence.blocks.rend(); ++block) {
    give_back(*block);
  }
  sequence = {};
}

void BlockMemory::take(int index) {
  Block& block = blocks_[static_cast<std::size_t>(index)];
  if (block.users++ == 0) {
    unused_.erase(block.place);
    cached_ -= block.known ? 1 : 0;
  }
}

int BlockMemory::take_unused() {
  const int index = unused_.front();
  take(index);
  Block& block = blocks_[static_cast<std::size_t>(index)];
  if (block.known) {
    known_.erase(block.hash);
    block.known = false;
  }
  return index;
}

void BlockMemory::give_back(int index) {
  Block& block = blocks_[static_cast<std::size_t>(index)];
  if (--block.users > 0) {
    return;
  }
  cached_ += block.known ? 1 : 0;
  block.place = unused_.insert(block.known ? unused_.end() : unused_.begin(), index);
}

KvUse BlockMemory::use() const {
  const int used = size_.blocks - static_cast<int>(unused_.size());
  return {.used = used * size_.block_tokens,
          .cached = cached_ * size_.block_tokens,
          .capacity = size_.blocks * size_.block_tokens};
}

}  // namespace tdn::engine
