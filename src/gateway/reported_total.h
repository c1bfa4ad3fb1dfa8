// What an engine has counted of one streamed answer so far, put together from its events.
//
// An event with one choice counts that choice alone, as vLLM and SGLang do: outputs are summed over
// the choices, inputs over the prompts, each once. An event with none, or with several, counts the
// whole answer and outweighs that sum: so an engine whose choices each told the running total is
// exact once it told the total alone. No count falls below what a single event said.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codec/openai.h"

namespace tdn::gateway {

class ReportedTotal {
 public:
  // `choices` of all prompts, at least one of each; those of one prompt stand together.
  ReportedTotal(std::uint32_t choices, std::uint32_t prompts)
      : prompts_(prompts), choices_(choices), choices_per_prompt_(choices / prompts) {}

  // `choice`: the index of the only one in the event.
  void add(const codec::ReportedUsage& usage, std::optional<std::uint32_t> choice);

  [[nodiscard]] codec::ReportedUsage usage() const;

 private:
  // Tokens and those among them of a special kind: cached of a prompt, reasoning of an output.
  struct Count {
    std::uint64_t tokens = 0;
    std::uint64_t special = 0;
  };

  // Counts of one kind, by prompt or by choice.
  class Side {
   public:
    explicit Side(std::uint32_t parts) : parts_(parts > 1 ? parts : 0) {}
    void add_part(std::size_t part, Count count);
    void add_whole(Count count);
    [[nodiscard]] Count total() const { return total_; }

   private:
    std::vector<Count> parts_;  // empty where the only part is the whole
    Count sum_;                 // of the parts
    Count largest_;             // that one event said
    Count total_;
  };

  Side prompts_;
  Side choices_;
  std::uint32_t choices_per_prompt_;
};

}  // namespace tdn::gateway
