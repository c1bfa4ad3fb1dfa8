// Whatever an engine serves as its metrics: every sample lies within the text, has a name and a
// finite value, and its labels can be asked for.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/bytes.h"
#include "codec/prometheus_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = tdn::text_of({data, size});
  tdn::codec::PrometheusText reader(text);
  const auto within = [&](std::string_view part) {
    return part.empty() ||
           (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
  };
  while (const auto sample = reader.next()) {
    TDN_ASSERT(!sample->name.empty() && within(sample->name) && within(sample->labels));
    TDN_ASSERT(std::isfinite(sample->value));
    if (const auto label = sample->label("engine")) {
      TDN_ASSERT(within(*label));
    }
  }
  return 0;
}
