# Headers of others, parsed once per preset instead of once per file: two thirds of what a file of ours
# costs to read is the standard library, {fmt} and GoogleTest.

# GoogleTest's and RapidCheck's macros are not written to our warning level.
set(TDN_TEST_OPTIONS -Wno-global-constructors -Wno-sign-conversion)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  # Half of a test's cost would be the optimising of their templates.
  list(APPEND TDN_TEST_OPTIONS -O0)
  if(TDN_SANITIZE MATCHES "undefined")
    # Two checks at every use of a pointer, of which a test has thousands: a sixth of what it takes to build.
    list(APPEND TDN_TEST_OPTIONS -fno-sanitize=null,alignment)
  endif()
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(TDN_PRECOMPILED ON)
  # Without a time stamp in it, ccache can tell that it is the same.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

function(tdn_precompiled_headers)
  if(NOT TDN_PRECOMPILED)
    return()
  endif()
  set(headers <algorithm> <array> <atomic> <chrono> <coroutine> <cstdint> <deque> <functional> <map> <memory>
              <optional> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>
              <tl/expected.hpp> <fmt/format.h>)
  file(WRITE "${CMAKE_BINARY_DIR}/precompiled.cc" "")
  add_library(tdn_precompiled_code STATIC "${CMAKE_BINARY_DIR}/precompiled.cc")
  target_link_libraries(tdn_precompiled_code PRIVATE fmt::fmt tl::expected)
  target_precompile_headers(tdn_precompiled_code PRIVATE ${headers})
  if(TDN_TESTS)
    add_executable(tdn_precompiled_tests EXCLUDE_FROM_ALL "${CMAKE_BINARY_DIR}/precompiled.cc")
    target_link_libraries(tdn_precompiled_tests PRIVATE fmt::fmt tl::expected GTest::gmock GTest::gtest_main)
    target_compile_options(tdn_precompiled_tests PRIVATE ${TDN_TEST_OPTIONS})
    target_precompile_headers(tdn_precompiled_tests PRIVATE ${headers} <gmock/gmock.h> <gtest/gtest.h>)
  endif()
endfunction()

# Lets a target use the headers of `from`.
function(tdn_precompiled target from)
  if(TDN_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()
