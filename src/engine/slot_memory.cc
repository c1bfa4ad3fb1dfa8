#include "engine/slot_memory.h"

#include <algorithm>

#include "base/assert.h"

namespace tdn::engine {

SlotMemory::SlotMemory(int slots, int context, bool reuse)
    : slots_(static_cast<std::size_t>(slots)), context_(context), reuse_(reuse) {}

std::optional<Place> SlotMemory::admit(std::span<const Token> tokens, std::string_view partition,
                                       int /*first*/) {
  const int unused = longest_unused();
  if (unused < 0) {
    return std::nullopt;
  }
  // Of equally good ones a free slot, whose use costs no copy.
  int best = unused;
  int best_shared = shared(at(unused), tokens, partition);
  for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
    const int found = shared(at(i), tokens, partition);
    if (found > best_shared || (found == best_shared && at(best).running && !at(i).running)) {
      best = i;
      best_shared = found;
    }
  }
  Place place{.slot = unused, .reused = best_shared, .source = best};
  const bool mostly_used = 2 * best_shared >= static_cast<int>(at(best).held.size());
  if (!at(best).running && mostly_used) {
    place.slot = best;
  } else if (best != unused && best_shared < kWorthCopying) {
    place.reused = shared(at(unused), tokens, partition);
    place.source = unused;
  }
  Slot& slot = at(place.slot);
  slot.held.assign(tokens.begin(), tokens.begin() + place.reused);
  slot.partition = partition;
  slot.running = true;
  slot.filled = place.reused;
  slot.last_use = ++uses_;
  at(place.source).last_use = uses_;
  return place;
}

int SlotMemory::shared(const Slot& slot, std::span<const Token> tokens,
                       std::string_view partition) const {
  if (!reuse_ || slot.partition != partition) {
    return 0;
  }
  const auto [held, token] =
      std::mismatch(slot.held.begin(), slot.held.end(), tokens.begin(), tokens.end());
  const auto count = static_cast<int>(held - slot.held.begin());
  return std::max(0, std::min(count, static_cast<int>(tokens.size()) - kLeastFresh));
}

int SlotMemory::longest_unused() const {
  int found = -1;
  for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
    const Slot& slot = slots_[static_cast<std::size_t>(i)];
    if (slot.running) {
      continue;
    }
    if (found < 0 || slot.last_use < slots_[static_cast<std::size_t>(found)].last_use) {
      found = i;
    }
  }
  return found;
}

bool SlotMemory::grow(int slot, int tokens) {
  TDN_ASSERT(at(slot).running && tokens <= context_);
  return true;
}

void SlotMemory::hold(int slot, std::span<const Token> evaluated, int prompt) {
  Slot& held = at(slot);
  held.filled = static_cast<int>(evaluated.size());
  const auto reusable = std::min(evaluated.size(), static_cast<std::size_t>(prompt));
  if (reuse_ && held.held.size() < reusable) {
    held.held.insert(held.held.end(),
                     evaluated.begin() + static_cast<std::ptrdiff_t>(held.held.size()),
                     evaluated.begin() + static_cast<std::ptrdiff_t>(reusable));
  }
}

void SlotMemory::release(int slot) {
  at(slot).running = false;
  at(slot).filled = 0;
  at(slot).last_use = ++uses_;
  if (!reuse_) {
    at(slot).held.clear();
  }
}

void SlotMemory::forget(int slot) { at(slot) = {}; }

KvUse SlotMemory::use() const {
  KvUse use{.capacity = static_cast<int>(slots_.size()) * context_};
  for (const Slot& slot : slots_) {
    (slot.running ? use.used : use.cached) +=
        slot.running ? slot.filled : static_cast<int>(slot.held.size());
  }
  return use;
}

}  // namespace tdn::engine
