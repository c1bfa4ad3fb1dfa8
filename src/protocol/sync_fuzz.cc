// Any bytes as a sync message: refused, or what reads back the same; records unpack or are refused.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/packed.h"
#include "protocol/sync.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn;
  using namespace tdn::protocol;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto request = parse_sync_request(text)) {
    const auto again = parse_sync_request(to_json(*request));
    TDN_ASSERT(again.has_value() && to_json(*again) == to_json(*request));
    if (request->upload) {
      ByteView rest = request->upload->records;
      std::vector<std::uint8_t> packed;
      while (true) {
        const auto record = codec::unpack(rest);
        if (!record || !*record) {
          TDN_ASSERT(!record || packed == request->upload->records);
          break;
        }
        codec::pack(packed, **record);
      }
    }
  }
  if (const auto reply = parse_sync_reply(text)) {
    const auto again = parse_sync_reply(to_json(*reply));
    TDN_ASSERT(again.has_value() && to_json(*again) == to_json(*reply));
  }
  if (const auto refusal = parse_sync_refusal(text)) {
    TDN_ASSERT(parse_sync_refusal(to_json(*refusal)).has_value());
  }
  return 0;
}
