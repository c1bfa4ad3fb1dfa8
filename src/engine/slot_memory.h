// The key-value memory of libllama: each slot has room for a whole context of its own. A slot that
// is free keeps what its last sequence left.
//
// Reuse is exact: a request gives the same tokens with it and without it. libllama computes a token
// that is alone in its sequence's part of an evaluation slightly differently from one in company
// (its matrix product has a path of its own for one column), so:
//   - only tokens that were read as a prompt are reused, never generated ones: in a new prompt they
//     would be read in company;
//   - at least kLeastFresh tokens of a prompt are evaluated anew, so that the last is in company.
// The scheduler's part of the same rule is SchedulerLimits::least_part.
//
// Where a sequence goes: into the slot that holds most of its start, if most of what that slot
// holds is used; else into the slot unused longest, with the start copied from the other if that is
// worth it (a copy moves the whole slot, 50 MB in some 10 ms, the time to evaluate a few tokens).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/kv_memory.h"

namespace tdn::engine {

class SlotMemory : public KvMemory {
 public:
  static constexpr int kLeastFresh = 2;
  static constexpr int kWorthCopying = 32;  // tokens

  // `reuse` false: nothing is kept.
  SlotMemory(int slots, int context, bool reuse);

  [[nodiscard]] std::optional<Place> admit(std::span<const Token> tokens,
                                           std::string_view partition, int first) override;
  [[nodiscard]] bool grow(int slot, int tokens) override;
  void hold(int slot, std::span<const Token> evaluated, int prompt) override;
  void release(int slot) override;
  void forget(int slot) override;
  [[nodiscard]] KvUse use() const override;

 private:
  struct Slot {
    bool running = false;
    std::vector<Token> held;  // what may be reused
    std::string partition;    // whose that is
    int filled = 0;           // tokens of the running sequence
    std::uint64_t last_use = 0;
  };
  [[nodiscard]] int shared(const Slot& slot, std::span<const Token> tokens,
                           std::string_view partition) const;
  [[nodiscard]] int longest_unused() const;  // -1: all are running
  [[nodiscard]] Slot& at(int slot) { return slots_[static_cast<std::size_t>(slot)]; }

  std::vector<Slot> slots_;
  int context_;
  bool reuse_;
  std::uint64_t uses_ = 0;
};

}  // namespace tdn::engine
