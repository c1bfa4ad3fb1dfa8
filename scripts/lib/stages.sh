# The stages of scripts/test. Each counts what it ran with `count PASSED FAILED SKIPPED` into $COUNTS.
# shellcheck shell=bash disable=SC2154

FUZZ_SECONDS=${FUZZ_SECONDS:-8}
export LOOP_SECONDS=${LOOP_SECONDS:-360}

purposes_of() {
  case $1 in
    format) echo lint ;;
    lint | tidy) echo lint build test ;;
    sim | unit | tsan | fuzz) echo build test ;;
    e2e | api | loop) echo build run test ;;
  esac
}

count() { echo "$1 $2 $3" >>"$COUNTS"; }

# counted LOG TITLE PROGRAM…: a step whose last line of output is "passed failed skipped".
counted() {
  local log=$1 status=0 numbers
  step "$@" || status=$?
  numbers=$(tail -n 1 "$LOGS/$log.log")
  if [[ $numbers =~ ^[0-9]+\ [0-9]+\ [0-9]+$ ]]; then
    # shellcheck disable=SC2086  # three numbers
    count $numbers
    say "    $(awk '{printf "%d passed, %d failed, %d skipped", $1, $2, $3}' <<<"$numbers")"
    [[ $numbers =~ ^[0-9]+\ 0\  ]] || status=1
  else
    count 0 1 0
    status=1
  fi
  return "$status"
}

# checked LOG TITLE PROGRAM…: a step that is one test.
checked() {
  if step "$@"; then count 1 0 0; else
    count 0 1 0
    return 1
  fi
}

# checked_files CHECKER TITLE: a checker over every file that asan compiles at this moment: ninja asks cmake again if a
# source came or went.
checked_files() {
  configure_preset asan
  step "files-$1" "listing files" ninja -C "$ROOT/build/asan" build.ninja || return
  step "headers-$1" "precompiling headers of others" ninja -C "$ROOT/build/asan" \
    CMakeFiles/tdn_precompiled_{code,tests}.dir/cmake_pch.hxx.pch || return
  TAIL=100 counted "$1" "$2" python3 "$ROOT/tools/check_files.py" "$1" "$ROOT/build/asan"
}

cpp_files() {
  find "$ROOT/src" "$ROOT/bench" "$ROOT/tests" -path '*/node_modules' -prune -o \
    \( -name '*.h' -o -name '*.cc' \) -print 2>/dev/null | sort
}

stage_format() {
  local files
  mapfile -t files < <(cpp_files)
  TAIL=12 checked format "clang-format over ${#files[@]} files" clang-format-19 --dry-run -Werror "${files[@]}"
}

stage_lint() {
  local failed=0 scripts files
  checked tidy-self "tests of tools/tidy.py" python3 "$ROOT/tools/tidy_test.py" || failed=1
  TAIL=60 checked tidy-rules "house rules" python3 "$ROOT/tools/tidy.py" || failed=1
  sed -n 's/^report: /    /p' "$LOGS/tidy-rules.log" >&2
  mapfile -t scripts < <(git -C "$ROOT" ls-files -co --exclude-standard scripts .ci bench | while read -r file; do
    if head -n 3 "$ROOT/$file" | grep -qE '^#!.*\b(ba)?sh|shellcheck shell='; then echo "$ROOT/$file"; fi
  done)
  checked shellcheck "shellcheck over ${#scripts[@]} scripts" shellcheck -x "${scripts[@]}" || failed=1
  mapfile -t files < <(git -C "$ROOT" ls-files -co --exclude-standard | grep -vE 'package-lock.json|^tests/corpus/|^LICENSE$')
  (cd "$ROOT" && checked codespell "codespell over ${#files[@]} files" \
    codespell --ignore-words "$ROOT/tools/codespell.ignore" "${files[@]}") || failed=1
  checked_files coawait "co_await rule" || failed=1
  return "$failed"
}

# Runs the *_test programs of a preset that a pattern selects.
run_tests_of() {
  local preset=$1 seconds=$2 programs=() name
  shift 2
  for name in "$@"; do
    programs+=("$(find "$ROOT/build/$preset" -name "$name" -type f -perm -u+x | head -n 1)")
  done
  TAIL=200 counted "run-$preset" "running ${#programs[@]} test programs under $preset" \
    python3 "$ROOT/scripts/lib/run_gtests.py" "$JOBS" "$seconds" "${programs[@]}"
}

# The real model, as far as it can be had; without it the tests say that they skip it.
need_model() {
  need_engine
  step fetch-model "getting the model SmolLM2-135M-Instruct" "$ROOT/scripts/fetch-model" || true
}

stage_unit() {
  local tests
  need_model
  configure_preset asan
  mapfile -t tests < <(targets_ending asan _test | grep -vx sim_test || true)
  build_preset asan "${tests[@]}"
  run_tests_of asan 600 "${tests[@]}"
}

stage_tsan() {
  local tests
  configure_preset tsan
  mapfile -t tests < <(targets_ending tsan _test | grep -xE '(io|http|books|gateway)_test' || true)
  ((${#tests[@]} > 0)) || die "the tsan preset has none of io_test, http_test, books_test, gateway_test"
  build_preset tsan "${tests[@]}"
  run_tests_of tsan 900 "${tests[@]}"
}

stage_tidy() {
  checked_files clang-tidy "clang-tidy"
}

stage_fuzz() {
  local targets
  configure_preset asan
  mapfile -t targets < <(targets_ending asan _fuzz)
  build_preset asan "${targets[@]}"
  TAIL=60 counted fuzz "fuzzing ${#targets[@]} targets" \
    python3 "$ROOT/scripts/lib/run_fuzzers.py" "$JOBS" "$FUZZ_SECONDS" "$ROOT/build/asan" "${targets[@]}"
}

# build_release_with_tests TARGET…: the simulation's own test program is of the optimised libraries that are shipped: its
# seeds are counted in thousands.
build_release_with_tests() {
  configure_preset release
  step cmake-sim "configuring release with tests" cmake -DTDN_TESTS=ON "$ROOT/build/release"
  build_preset release "$@"
}

stage_sim() {
  build_release_with_tests sim_test
  run_tests_of release 900 sim_test
}

# What the loop runs, and later e2e and api.
stage_prepare() {
  need_engine
  build_release_with_tests tdn
  need_node
  npm_ci "$ROOT/tests"
}

# vitest over folders of tests/, against the release binary.
run_vitest() {
  local status=0 log=vitest-${1%/} report=$LOGS/vitest-${1%/}.json
  rm -f "$report"
  if [[ ! -v PREPARED ]]; then
    need_engine
    build_preset release tdn
  fi
  need_node
  npm_ci "$ROOT/tests"
  (cd "$ROOT/tests" && checked types "types of the tests" npx --no-install tsc --noEmit) || status=1
  export TDN=$ROOT/build/release/tdn TDN_CACHE
  (cd "$ROOT/tests" && TAIL=200 step "$log" "running tests/$1" \
    npx --no-install vitest run "$@" --reporter=default --reporter=json --outputFile.json="$report") || status=$?
  if [[ -s $report ]]; then
    # shellcheck disable=SC2046  # three numbers
    count $(python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
print(r["numPassedTests"], r["numFailedTests"] + (r["numFailedTestSuites"] > 0 and r["numFailedTests"] == 0),
      r["numPendingTests"] + r.get("numTodoTests", 0))' "$report")
  else
    count 0 1 0
    status=1
  fi
  return "$status"
}

stage_e2e() {
  need_model
  run_vitest e2e/ harness/
}

stage_api() { run_vitest api/; }

stage_loop() { run_vitest loop/; }
