// Named places at which a test ends the process as `kill -9` would: TDN_FAILPOINT=name or name:n
// (the n-th time it is reached). Always compiled in, so that what is tested is what is shipped; not
// armed, a place costs one relaxed load.
//
//   fail_point("books.after_sync_before_release");
#pragma once

#include <atomic>
#include <string_view>

namespace tdn {
namespace detail {

extern std::atomic<bool> fail_point_armed;  // read from the environment before main
void hit_fail_point(std::string_view name);

}  // namespace detail

inline void fail_point(std::string_view name) {
  if (detail::fail_point_armed.load(std::memory_order_relaxed)) [[unlikely]] {
    detail::hit_fail_point(name);
  }
}

}  // namespace tdn
