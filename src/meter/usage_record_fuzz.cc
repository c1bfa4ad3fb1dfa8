// Whatever decodes encodes back to the same bytes; nothing crashes the decoders.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "meter/annex.h"
#include "meter/usage_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tdn::ByteView input(data, size);
  if (const auto record = tdn::meter::decode_record(input)) {
    tdn::ByteBuffer out;
    tdn::meter::encode(*record, out);
    TDN_ASSERT(std::ranges::equal(out.view(), input));
    static_cast<void>(tdn::meter::is_recycled(*record));
    const auto seq = tdn::meter::seq_of_record(input);
    TDN_ASSERT((seq ? *seq : 0) == record->seq);
  }
  static_cast<void>(tdn::meter::seq_of_record(input).has_value());
  static_cast<void>(tdn::meter::decode_tenant_annex(input).has_value());
  static_cast<void>(tdn::meter::decode_operator_annex(input).has_value());
  return 0;
}
