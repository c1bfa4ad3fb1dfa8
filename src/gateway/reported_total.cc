#include "gateway/reported_total.h"

#include <algorithm>

namespace tdn::gateway {

void ReportedTotal::Side::add_whole(Count count) {
  // Of equal ones the later: engines tell what was cached, or reasoning, at the end.
  if (count.tokens >= largest_.tokens) {
    largest_ = count;
  }
  total_ = largest_;
}

void ReportedTotal::Side::add_part(std::size_t part, Count count) {
  add_whole(count);
  if (parts_.empty()) {
    return;
  }
  Count& before = parts_[std::min(part, parts_.size() - 1)];
  if (count.tokens >= before.tokens) {
    sum_.tokens += count.tokens - before.tokens;
    sum_.special += count.special - before.special;
    before = count;
  }
  if (sum_.tokens >= largest_.tokens) {
    total_ = sum_;
  }
}

void ReportedTotal::add(const codec::ReportedUsage& usage, std::optional<std::uint32_t> choice) {
  const Count prompt{usage.prompt, usage.cached};
  const Count output{usage.completion, usage.reasoning};
  if (choice) {
    prompts_.add_part(*choice / choices_per_prompt_, prompt);
    choices_.add_part(*choice, output);
  } else {
    prompts_.add_whole(prompt);
    choices_.add_whole(output);
  }
}

codec::ReportedUsage ReportedTotal::usage() const {
  const Count prompt = prompts_.total();
  const Count output = choices_.total();
  return {prompt.tokens, prompt.special, output.tokens, output.special};
}

}  // namespace tdn::gateway
