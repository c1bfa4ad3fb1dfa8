// Scenarios and matrices as operators write them. Nothing crashes, and what is taken is within its
// bounds and has a distance between any two of its places.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "scenario/builtin.h"
#include "scenario/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn;
  const std::string_view text = text_of({data, size});
  if (const auto scenario = scenario::parse_scenario(text, "fuzz", scenario::BuiltinMatrices())) {
    TDN_ASSERT(!scenario->sites.empty() && scenario->sites.size() <= scenario::kMostSites);
    for (const scenario::Site& site : scenario->sites) {
      TDN_ASSERT(!site.manifest.is_null());
      TDN_ASSERT(scenario->rtt(site.place, scenario->control) >= Duration::zero());
    }
  }
  if (const auto matrix = scenario::RttMatrix::parse(text, "fuzz")) {
    for (const std::string& place : matrix->places()) {
      TDN_ASSERT(matrix->between(place, matrix->places().front()) >= Duration::zero());
    }
  }
  return 0;
}
