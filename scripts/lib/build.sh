# Configuring and building presets. Source after common.sh.
# shellcheck shell=bash

export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros # what ccache needs to know precompiled headers again
export NINJA_STATUS='[%f/%t] '

# Configures a preset unless it is; later ninja re-runs cmake by itself where a CMake file changed, so
# an unchanged tree costs one start of ninja.
configure_preset() {
  local preset=$1
  if [[ ! -f $ROOT/build/$preset/build.ninja ]]; then
    # From the root: cmake looks for its presets in the current folder.
    (cd "$ROOT" && step "cmake-$preset" "configuring $preset" cmake --preset "$preset") ||
      die "cmake could not configure preset $preset" "see build/logs/cmake-$preset.log"
  fi
}

# build_preset PRESET [TARGET…]
build_preset() {
  local preset=$1 dir=$ROOT/build/$1
  shift
  configure_preset "$preset"
  # One at a time: another script may be building the same.
  step "build-$preset" "building $preset" flock "$dir/lock" ninja -C "$dir" -j "$JOBS" "$@" ||
    die "the $preset build failed" "the first error is in build/logs/build-$preset.log"
}

# Names of the executables of a preset that end so, as ninja knows them.
targets_ending() {
  ninja -C "$ROOT/build/$1" -t targets all | sed -n "s/^\([a-z0-9_]*$2\): phony\$/\1/p" | grep -v '^cmake_' | sort -u
}

engine_is_here() { [[ -f $TDN_CACHE/llama/include/llama.h ]]; }

# libllama and its headers, which `tdn engine` is built against and loads at run time. Without them
# the rest is built all the same, and engines can only be simulated.
need_engine() {
  if engine_is_here; then return 0; fi
  if step fetch-engine "fetching libllama" "$ROOT/scripts/fetch-engine"; then
    rm -f "$ROOT"/build/*/build.ninja # what is built depends on what is found when configured
  else
    say "  going on without libllama: engines can only be simulated"
  fi
}
