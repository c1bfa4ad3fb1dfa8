// Any bytes as an event: refused, or what reads back the same. The first byte chooses the type.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "protocol/watch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tdn::protocol;
  if (size == 0) {
    return 0;
  }
  constexpr std::string_view kTypes[] = {"snapshot", "peers", "sync", "recall"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto event = parse_watch_event(kTypes[data[0] % 4], text);
  if (!event) {
    return 0;
  }
  if (const auto* peers = std::get_if<PeersReported>(&*event)) {
    const std::string sse = to_sse(*peers);
    constexpr std::string_view kHead = "event: peers\ndata: ";
    TDN_ASSERT(sse.starts_with(kHead));
    const auto again = parse_watch_event("peers", std::string_view(sse).substr(kHead.size()));
    TDN_ASSERT(again.has_value() && std::get<PeersReported>(*again).endpoints == peers->endpoints);
  }
  return 0;
}
