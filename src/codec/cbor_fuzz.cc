// What the checker passes, the reader walks to the end without failing; what it refuses, the reader
// survives.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/cbor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tdn::ByteView input(data, size);
  tdn::codec::CborReader reader(input);
  const tdn::ByteView value = reader.skip();
  if (tdn::codec::cbor_check(input)) {
    TDN_ASSERT(reader.ok() && reader.at_end() && value.size() == size);
  }
  return 0;
}
