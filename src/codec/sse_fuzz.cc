// Any split of any bytes gives the same events, and their raw bytes together are the stream.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/sse.h"

namespace {

// All that callers see of a stream, as text.
std::string transcript(std::string_view stream, std::size_t piece, std::string& raw) {
  tdn::codec::SseParser parser;
  std::string text;
  const auto write = [&](const tdn::codec::SseEvent& event) {
    raw += event.raw;
    text.append(event.type).append("|").append(event.data).append(event.has_data ? "|D\n" : "|\n");
  };
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const std::string pushed(stream.substr(at, piece));
    parser.push(pushed);
    while (true) {
      const auto event = parser.next();
      TDN_ASSERT(event.has_value());
      if (!*event) {
        break;
      }
      write(**event);
    }
  }
  if (const auto event = parser.finish()) {
    write(*event);
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string whole_raw;
  std::string split_raw;
  const std::string whole = transcript(stream, stream.size(), whole_raw);
  TDN_ASSERT(whole == transcript(stream, data[0] % 32U + 1, split_raw));
  TDN_ASSERT(whole_raw == split_raw);
  const std::string_view unmarked = stream.starts_with("\xEF\xBB\xBF") ? stream.substr(3) : stream;
  TDN_ASSERT(unmarked.starts_with(whole_raw));
  return 0;
}
