// Any bytes: a key that is accepted is exactly what would have been printed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "domain/api_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto id = tdn::domain::parse_api_key(text)) {
    TDN_ASSERT(text.size() == 68 && text.substr(7, 10) == id->to_string());
    TDN_ASSERT(tdn::domain::verify_api_key(text, tdn::codec::sha256(tdn::bytes_of(text))));
  }
  if (const auto id = tdn::domain::KeyId::parse(text)) {
    TDN_ASSERT(id->to_string() == text);
  }
  return 0;
}
