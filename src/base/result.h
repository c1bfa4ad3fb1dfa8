// `Result<T>`: a value or an `Error`. Ours throw nothing; what libraries throw becomes an `Error`
// in the .cc file that calls them. The macros are two statements, so they stand alone in a block:
//
//   TDN_TRY(const Head head, parse(bytes));          // in functions
//   TDN_CO_TRY(auto head, co_await read_head(s));    // in coroutines
//   TDN_TRY_VOID(sync(file));                        // Result<void>
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace tdn {

template <class T>
using Result = tl::expected<T, Error>;

// `return fail(Code::kInvalid, "…");`
[[gnu::cold]] inline tl::unexpected<Error> fail(Code code, std::string detail) {
  return tl::unexpected<Error>(Error(code, std::move(detail)));
}
[[gnu::cold]] inline tl::unexpected<Error> fail(Code code, const char* detail) {
  return tl::unexpected<Error>(Error(code, detail));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace tdn

#define TDN_CAT_IMPL(a, b) a##b
#define TDN_CAT(a, b) TDN_CAT_IMPL(a, b)
#define TDN_TRY_IMPL(tmp, ret, decl, ...)                       \
  auto tmp = (__VA_ARGS__);                                     \
  if (!tmp) [[unlikely]] {                                      \
    ret ::tl::unexpected<::tdn::Error>(std::move(tmp).error()); \
  }                                                             \
  decl = *std::move(tmp)
#define TDN_TRY_VOID_IMPL(tmp, ret, ...)                          \
  do {                                                            \
    if (auto tmp = (__VA_ARGS__); !tmp) {                         \
      ret ::tl::unexpected<::tdn::Error>(std::move(tmp).error()); \
    }                                                             \
  } while (false)
#define TDN_TRY(decl, ...) TDN_TRY_IMPL(TDN_CAT(try_, __COUNTER__), return, decl, __VA_ARGS__)
#define TDN_CO_TRY(decl, ...) TDN_TRY_IMPL(TDN_CAT(try_, __COUNTER__), co_return, decl, __VA_ARGS__)
#define TDN_TRY_VOID(...) TDN_TRY_VOID_IMPL(TDN_CAT(try_, __COUNTER__), return, __VA_ARGS__)
#define TDN_CO_TRY_VOID(...) TDN_TRY_VOID_IMPL(TDN_CAT(try_, __COUNTER__), co_return, __VA_ARGS__)
