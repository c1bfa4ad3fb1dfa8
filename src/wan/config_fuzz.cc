// What `tdn wan` reads: its configuration, sets of faults, words that name links, its own ready
// file. Nothing crashes, and what is taken reads back as the same.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "wan/config.h"
#include "wan/report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn;
  const std::string_view text = text_of({data, size});
  if (const auto config = wan::parse_config(text, "fuzz")) {
    TDN_ASSERT(!config->links.empty() && config->links.size() <= wan::kMostLinks);
    for (const wan::LinkPlan& link : config->links) {
      TDN_ASSERT(link.target.is_loopback() && link.rtt >= Duration::zero());
    }
  }
  if (const auto faults = wan::parse_faults(text)) {
    TDN_ASSERT(faults->size() <= wan::kMostFaults);
    const auto again = wan::parse_faults(wan::to_json(*faults));
    TDN_ASSERT(again.has_value() && again->size() == faults->size());
  }
  const wan::Names names = {"a", "b", "a-b", "control", "b-a"};
  if (const auto target = wan::find_target(text, names)) {
    TDN_ASSERT(target->node.empty() || names.contains(target->node));
  }
  [[maybe_unused]] const auto report = wan::parse_wan_report(text);
  return 0;
}
