// The key-value memory of an accelerator's engine: blocks of a few tokens, shared between sequences
// that begin alike. The algorithm is vLLM's (its design document "Automatic Prefix Caching"): a
// full block is known by a hash of its tokens chained to the hash of the block before it, so one
// hash names a whole beginning; a block that no running sequence uses stays, in the order of its
// last use, until its room is needed; the end of a sequence goes before its beginning.
//
// Generated tokens are kept like read ones. At least one token of a sequence is evaluated anew,
// because the token that follows it must be drawn.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "engine/kv_memory.h"

namespace tdn::engine {

class BlockMemory : public KvMemory {
 public:
  struct Size {
    int slots = 1;  // sequences that run together
    int blocks = 1;
    int block_tokens = 16;
  };
  // `reuse` false: no block outlives its sequence.
  BlockMemory(Size size, bool reuse);

  [[nodiscard]] std::optional<Place> admit(std::span<const Token> tokens,
                                           std::string_view partition, int first) override;
  [[nodiscard]] bool grow(int slot, int tokens) override;
  void hold(int slot, std::span<const Token> evaluated, int prompt) override;
  void release(int slot) override;
  void forget(int slot) override { release(slot); }  // only whole steps' blocks are ever known
  [[nodiscard]] KvUse use() const override;

 private:
  using Hash = std::uint64_t;
  struct Block {
    int users = 0;
    bool known = false;  // in known_, under `hash`
    Hash hash = 0;
    std::list<int>::iterator place;  // in unused_ while it has no users
  };
  struct Sequence {
    bool running = false;
    std::vector<int> blocks;
    Hash chain = 0;          // of the blocks before `hashed`
    std::size_t hashed = 0;  // blocks whose hash is known
  };

  [[nodiscard]] int find_free_slot() const;
  [[nodiscard]] std::vector<int> find_start(std::span<const Token> tokens, Hash& chain) const;
  [[nodiscard]] Hash next(Hash chain, std::span<const Token> block) const;
  void take(int block);
  [[nodiscard]] int take_unused();
  void give_back(int block);

  Size size_;
  bool reuse_;
  std::vector<Sequence> sequences_;
  std::vector<Block> blocks_;
  std::list<int> unused_;  // no users; the next to be taken first
  int cached_ = 0;         // of these, known
  std::unordered_map<Hash, int> known_;
};

}  // namespace tdn::engine
