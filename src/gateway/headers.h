// Values of an answer's header fields, written into the caller's memory.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace tdn::gateway {

// Room for any of the texts below.
using ShortText = std::array<char, 64>;

// As OpenAI writes durations until a limit is whole again: "0s", "12ms", "1s", "6m0s", "1h2m3s".
// Below a second in whole milliseconds, above in whole seconds, both rounded up.
[[nodiscard]] std::string_view limit_duration(ShortText& text, Duration duration);
// "edge;dur=0.4, engine;dur=20.1": milliseconds until the request left for the engine, and from
// then to the engine's first byte.
[[nodiscard]] std::string_view server_timing(ShortText& text, Duration edge, Duration engine);
// Whole seconds for Retry-After, rounded up, at least 1.
[[nodiscard]] std::uint64_t retry_after_seconds(Duration duration);

// Whether a field of an engine's answer is for the client. Not what belongs to its connection or
// its message's framing, what we say ourselves, and what an engine has no business telling our
// clients.
[[nodiscard]] bool is_passed_on(std::string_view field_name);

}  // namespace tdn::gateway
