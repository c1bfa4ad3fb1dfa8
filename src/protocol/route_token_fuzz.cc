// Whatever parses is written again as the same text; nothing crashes the parser.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/base64.h"
#include "protocol/route_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn::protocol;
  const std::string_view text = tdn::text_of({data, size});
  TokenParts parts;
  if (!parse_route_token(text, parts)) {
    return 0;
  }
  const RouteKeys::Key key{std::string(parts.key_id), 1, {}, {}, tdn::codec::HmacKey({})};
  TokenRoom room;
  const std::string_view again = write_route_token(parts.token, key, room);
  // All but the MAC, which is of another key.
  const std::size_t signed_part = again.rfind('.');
  TDN_ASSERT(again.size() == text.size());
  TDN_ASSERT(again.substr(0, signed_part) == text.substr(0, signed_part));
  return 0;
}
