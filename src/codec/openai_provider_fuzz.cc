// The `provider` object under arbitrary bytes: nothing breaks it, what it takes is within its
// bounds, and blanks in front change nothing.
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/openai_provider.h"

namespace tdn::codec {
namespace {

void check(std::string_view text) {
  const Result<ProviderWishes> wishes = parse_provider(text);
  if (!wishes) {
    TDN_ASSERT(wishes.error().code() == Code::kInvalidRequest);
    return;
  }
  TDN_ASSERT(wishes->order.size() <= ProviderWishes::kMostNames);
  TDN_ASSERT(!wishes->most_input || wishes->most_input->pico >= 0);
  const Result<ProviderWishes> again = parse_provider(" \n" + std::string(text));
  TDN_ASSERT(again.has_value() && again->only == wishes->only && again->sort == wishes->sort);
}

}  // namespace
}  // namespace tdn::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tdn::codec::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
