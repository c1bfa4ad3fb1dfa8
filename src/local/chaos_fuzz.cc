// What is sent to the door of `tdn up`, and what stands in the files that it reads. Nothing
// crashes, and what is taken means the same when it is written again.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "local/chaos.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn;
  const std::string_view text = text_of({data, size});
  const auto request = local::parse_chaos_request(text);
  if (!request) {
    return 0;
  }
  TDN_ASSERT(local::parse_chaos_request(local::to_json(*request))->harm == request->harm);
  local::Chaos chaos({.sites = {"a", "b", "a-b"}, .cities = {"c"}, .has_links = true});
  if (chaos.take(*request, WallTime{})) {
    TDN_ASSERT(chaos.broken().size() == (request->harm ? 1U : 0U));
    TDN_ASSERT(chaos.faults().size() <= 1);
  }
  return 0;
}
