// Which tokens the model's key-value memory holds, as its bookkeeper knows it: where a new sequence
// goes, how much of its start is there already from an earlier one, and what is given up for it.
// The model follows (`Batch::Start`); it decides nothing itself.
//
// Two kinds: SlotMemory for libllama, whose sequences each have a piece of memory of their own, and
// BlockMemory for the simulated accelerator, which shares small blocks as vLLM does. In both, what
// an ended sequence leaves is kept until its room is needed, the longest unused first, and is found
// again only by a sequence of the same partition: an engine never tells one tenant what another
// asked, but for how long things take.
//
// Pure; belongs to the scheduler's thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "engine/model.h"

namespace tdn::engine {

struct Place {
  int slot = 0;
  int reused = 0;  // tokens of the sequence's start that need no evaluation
  int source = 0;  // the slot that holds them; `slot` itself if they are where they belong
};

// In tokens. `used` belongs to running sequences; `cached` is kept for later ones and given up when
// its room is needed.
struct KvUse {
  int used = 0;
  int cached = 0;
  int capacity = 0;
};

class KvMemory {
 public:
  virtual ~KvMemory() = default;

  // A place for a sequence of which `tokens`, not empty, are known, with room for what is reused
  // and for up to `first` tokens more; none if there is no room now.
  [[nodiscard]] virtual std::optional<Place> admit(std::span<const Token> tokens,
                                                   std::string_view partition, int first) = 0;
  // Room for `tokens` tokens in all. False, and nothing changed, if there is none now.
  [[nodiscard]] virtual bool grow(int slot, int tokens) = 0;
  // The sequence's first tokens, of which the first `prompt` were read and not generated, have been
  // evaluated.
  virtual void hold(int slot, std::span<const Token> evaluated, int prompt) = 0;
  // The sequence ended; what it holds may be reused.
  virtual void release(int slot) = 0;
  // An evaluation with this slot failed: whatever it holds is not to be reused.
  virtual void forget(int slot) = 0;

  [[nodiscard]] virtual KvUse use() const = 0;
};

}  // namespace tdn::engine
