// Memory of coroutine frames: per thread, free lists in classes of 64 bytes, because a request
// makes and drops a few frames and malloc would be a visible part of its cost. Bounded: beyond
// `kMaxPooledBytes` per thread, and for frames above 16 KiB, memory goes back to the system
// allocator. Under AddressSanitizer it is plain new and delete, so that use after free is seen.
#pragma once

#include <cstddef>

namespace tdn::io {

inline constexpr std::size_t kMaxPooledBytes = 1U << 20;

[[nodiscard]] void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size) noexcept;

}  // namespace tdn::io
