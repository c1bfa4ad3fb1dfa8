#include "io/frame_pool.h"

#include <array>
#include <new>

namespace tdn::io {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TDN_PLAIN_FRAMES 1
#endif
#endif

#ifdef TDN_PLAIN_FRAMES

void* allocate_frame(std::size_t size) { return ::operator new(size); }
void release_frame(void* frame, std::size_t size) noexcept { ::operator delete(frame, size); }

#else

namespace {

constexpr std::size_t kGrain = 64;  // an open stream holds a dozen frames: rounding up costs memory
constexpr std::size_t kClasses = 256;

struct FreeFrame {
  FreeFrame* next;
};

struct Pool {
  std::array<FreeFrame*, kClasses> free{};
  std::size_t bytes = 0;

  ~Pool() {
    for (FreeFrame* frame : free) {
      while (frame != nullptr) {
        FreeFrame* next = frame->next;
        ::operator delete(frame);
        frame = next;
      }
    }
  }
};

thread_local Pool pool;

constexpr std::size_t class_of(std::size_t size) { return (size + kGrain - 1) / kGrain; }

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t index = class_of(size);
  if (index < kClasses && pool.free[index] != nullptr) {
    FreeFrame* frame = pool.free[index];
    pool.free[index] = frame->next;
    pool.bytes -= index * kGrain;
    return frame;
  }
  return ::operator new(index * kGrain);
}

void release_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = class_of(size);
  if (index >= kClasses || pool.bytes + index * kGrain > kMaxPooledBytes) {
    ::operator delete(frame);
    return;
  }
  pool.free[index] = new (frame) FreeFrame{pool.free[index]};
  pool.bytes += index * kGrain;
}

#endif

}  // namespace tdn::io
