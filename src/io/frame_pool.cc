#include "io/frame_pool.h"

#ifndef TDN_PLAIN_FRAMES

namespace tdn::io::detail {

constinit thread_local FramePool frame_pool{};

namespace {

// Empties the thread's pool at its end. Made with the first frame that the pool could not give.
struct Reaper {
  Reaper() = default;
  ~Reaper() {
    for (FreeFrame*& free : frame_pool.free) {
      while (free != nullptr) {
        FreeFrame* const next = free->next;
        ::operator delete(free);
        free = next;
      }
    }
    frame_pool.bytes = kMaxPooledBytes;  // what is released after this is not kept
  }
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
};

}  // namespace

void* new_frame(std::size_t bytes) {
  thread_local const Reaper reaper;
  static_cast<void>(&reaper);
  return ::operator new(bytes);
}

}  // namespace tdn::io::detail

#endif
