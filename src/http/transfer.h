// Writing to a peer that may be slow, from memory that is not the writer's to keep.
#pragma once

#include <span>

#include "io/maybe_task.h"
#include "io/stream.h"

namespace tdn::http {

// Writes all slices. What the stream takes at once, and mostly that is everything, leaves in one
// call without a copy; only a remainder is copied before waiting, so the slices may point into
// buffers that other coroutines use meanwhile (the thread's scratch). A peer that takes no byte for
// `stall` is an error (kTimeout). Other errors: kClosed, kCancelled, kTimeout.
// The writing begins with the call.
[[nodiscard]] io::MaybeTask<Result<void>> send(io::Stream& stream,
                                               std::span<const io::Slice> slices, Duration stall);

// 64 KiB per thread that every connection of the thread reads its answers into; contents last until
// the next suspension. Followed by `kScratchPadding` readable bytes, as vectorised parsers want.
inline constexpr std::size_t kScratchPadding = 64;
[[nodiscard]] std::span<char> thread_scratch();

}  // namespace tdn::http
