// For what cannot happen: a broken invariant of ours, never input. TDN_ASSERT is always on and ends
// the process with the place and the reason; TDN_CHECK is for hot paths, on in Debug builds only.
#pragma once

namespace tdn {

[[noreturn]] void assertion_failed(const char* file, int line, const char* condition);

}  // namespace tdn

#define TDN_ASSERT(condition)                                  \
  do {                                                         \
    if (!(condition)) [[unlikely]] {                           \
      ::tdn::assertion_failed(__FILE__, __LINE__, #condition); \
    }                                                          \
  } while (false)

#ifdef NDEBUG
#define TDN_CHECK(condition) static_cast<void>(0)
#else
#define TDN_CHECK(condition) TDN_ASSERT(condition)
#endif
