# Flags of the whole tree: set once, so that every object agrees on ABI and instruction set.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(TDN_CCACHE ccache)
if(TDN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${TDN_CCACHE}")
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                    -Wold-style-cast -fno-omit-frame-pointer)
if(TDN_WERROR)
  add_compile_options(-Werror)
endif()

# None of x86-64-v1..v4 includes PCLMUL, and without it simdjson's On-Demand code silently falls back
# to its byte-at-a-time kernel.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v2 -mpclmul)
endif()

set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
set(CMAKE_CXX_FLAGS_RELEASE
    "-O2 -g1 -D_GLIBCXX_ASSERTIONS -D_FORTIFY_SOURCE=3 -fstack-protector-strong")
add_link_options(-fuse-ld=lld-19 -Wl,-z,relro,-z,now)
# Archives without an index, which lld does not want: to write one, an archiver reads every object, and
# that of another LLVM (what CMake finds on a machine with several) cannot read this compiler's bitcode.
foreach(kind "" _IPO)
  set(CMAKE_CXX_ARCHIVE_CREATE${kind} "<CMAKE_AR> qcS <TARGET> <OBJECTS>")
  set(CMAKE_CXX_ARCHIVE_APPEND${kind} "<CMAKE_AR> qS <TARGET> <OBJECTS>")
  set(CMAKE_CXX_ARCHIVE_FINISH${kind} "")
endforeach()
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  # Thin: modules are optimised apart, in parallel, and what did not change is taken from the cache.
  add_link_options(-Wl,--thinlto-jobs=all "-Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/thinlto")
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckPIESupported)
  check_pie_supported()
  add_link_options(-pie)
endif()
set(TDN_PROFILE_NAMES "-mllvm -static-func-strip-dirname-prefix=99")
# What is shipped is laid out for the paths that requests take (docs/decisions/0019). Functions that
# changed since the training are built as without it. Names of local functions in the profile must not
# hold the folder of a clone, hence the stripping.
if(TDN_TRAIN)
  add_compile_options(-fprofile-generate -fprofile-update=atomic "SHELL:${TDN_PROFILE_NAMES}")
  add_link_options(-fprofile-generate)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" AND EXISTS "${CMAKE_SOURCE_DIR}/cmake/release.profdata")
  set(profile "${CMAKE_SOURCE_DIR}/cmake/release.profdata")
  # Objects of two profiles do not link: another profile must compile everything anew, and ninja knows
  # of it only by the command line.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${profile}")
  file(SHA256 "${profile}" profile_hash)
  string(SUBSTRING "${profile_hash}" 0 8 profile_hash)
  add_compile_options("-fprofile-use=${profile}" "SHELL:${TDN_PROFILE_NAMES}" "-DTDN_PROFILE=0x${profile_hash}"
                      -Wno-profile-instr-out-of-date -Wno-profile-instr-unprofiled -Wno-backend-plugin)
endif()
if(TDN_SANITIZE)
  # It checks the same, and half of the time that instrumented code takes to build is its optimising. What
  # tests go through millions of times is optimised all the same (OPTIMISED of tdn_library).
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  add_compile_options(-fsanitize=${TDN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TDN_SANITIZE})
endif()
