# tdn_library(NAME SOURCES … TESTS … FUZZERS … BENCHES … DEPENDS … PRIVATE …)
#
# One static library tdn_<NAME> (alias tdn::<NAME>), one test program <NAME>_test, one libFuzzer
# program per fuzzer (x_fuzz.cc → <NAME>_x_fuzz) and one micro-benchmark program <NAME>_bench.
# DEPENDS are modules of ours, linked publicly: the arrows of src/README.md. PRIVATE are libraries of
# others, seen by this module's .cc files alone.
function(tdn_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;TESTS;FUZZERS;BENCHES;DEPENDS;PRIVATE;TEST_LIBRARIES" ${ARGN})
  add_library(tdn_${NAME} STATIC ${ARG_SOURCES})
  add_library(tdn::${NAME} ALIAS tdn_${NAME})
  target_include_directories(tdn_${NAME} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  foreach(module IN LISTS ARG_DEPENDS)
    target_link_libraries(tdn_${NAME} PUBLIC tdn::${module})
  endforeach()
  target_link_libraries(tdn_${NAME} PRIVATE ${ARG_PRIVATE})

  if(TDN_TESTS AND ARG_TESTS)
    add_executable(${NAME}_test ${ARG_TESTS})
    target_link_libraries(${NAME}_test PRIVATE tdn::${NAME} ${ARG_TEST_LIBRARIES} GTest::gmock
                          GTest::gtest_main rapidcheck)
    # GoogleTest's and RapidCheck's macros are not written to our warning level.
    target_compile_options(${NAME}_test PRIVATE -Wno-global-constructors -Wno-sign-conversion)
    add_test(NAME ${NAME} COMMAND ${NAME}_test)
  endif()
  if(TDN_FUZZ)
    foreach(fuzzer IN LISTS ARG_FUZZERS)
      get_filename_component(stem "${fuzzer}" NAME_WE)
      add_executable(${NAME}_${stem} "${fuzzer}")
      target_link_libraries(${NAME}_${stem} PRIVATE tdn::${NAME} ${ARG_PRIVATE})
      target_link_options(${NAME}_${stem} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
  if(TDN_BENCH AND ARG_BENCHES)
    find_package(benchmark QUIET)
    if(NOT benchmark_FOUND)
      message(FATAL_ERROR "Micro-benchmarks need libbenchmark; as root: apt-get install libbenchmark-dev")
    endif()
    add_executable(${NAME}_bench ${ARG_BENCHES})
    target_link_libraries(${NAME}_bench PRIVATE tdn::${NAME} benchmark::benchmark_main)
  endif()
endfunction()
