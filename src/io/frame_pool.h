// Memory of coroutine frames: per thread, free lists in classes of 64 bytes, because a request
// makes and drops a few frames and malloc would be a visible part of its cost. Bounded: beyond
// `kMaxPooledBytes` per thread, and for frames above 16 KiB, memory goes back to the system
// allocator. Under the sanitizers it is plain new and delete, so that use after free is seen.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace tdn::io {

inline constexpr std::size_t kMaxPooledBytes = 1U << 20;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TDN_PLAIN_FRAMES 1
#endif
#endif

#ifdef TDN_PLAIN_FRAMES

inline void* allocate_frame(std::size_t size) { return ::operator new(size); }
inline void release_frame(void* frame, std::size_t size) noexcept {
  ::operator delete(frame, size);
}

#else

namespace detail {

constexpr std::size_t kFrameGrain = 64;  // an open stream holds a dozen: rounding up costs memory
constexpr std::size_t kFrameClasses = 256;
constexpr std::size_t frame_class(std::size_t size) {
  return (size + kFrameGrain - 1) / kFrameGrain;
}

struct FreeFrame {
  FreeFrame* next;
};

// Constant-initialised and without destructor, so that reaching it costs one instruction; what it
// holds at the thread's end is freed by frame_pool.cc.
struct FramePool {
  std::array<FreeFrame*, kFrameClasses> free;
  std::size_t bytes;
};
extern constinit thread_local FramePool frame_pool;

[[nodiscard]] void* new_frame(std::size_t bytes);

}  // namespace detail

[[nodiscard]] inline void* allocate_frame(std::size_t size) {
  const std::size_t index = detail::frame_class(size);
  detail::FramePool& pool = detail::frame_pool;
  if (index < detail::kFrameClasses && pool.free[index] != nullptr) [[likely]] {
    detail::FreeFrame* const frame = pool.free[index];
    pool.free[index] = frame->next;
    pool.bytes -= index * detail::kFrameGrain;
    return frame;
  }
  return detail::new_frame(index * detail::kFrameGrain);
}

inline void release_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = detail::frame_class(size);
  detail::FramePool& pool = detail::frame_pool;
  if (index >= detail::kFrameClasses || pool.bytes >= kMaxPooledBytes) [[unlikely]] {
    ::operator delete(frame);
    return;
  }
  pool.free[index] = new (frame) detail::FreeFrame{pool.free[index]};
  pool.bytes += index * detail::kFrameGrain;
}

#endif

}  // namespace tdn::io
