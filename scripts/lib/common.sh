# Shared by all scripts: where things are, how progress is shown and how failure is told.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TDN_CACHE=${TDN_CACHE:-$ROOT/.cache}
LOGS=$ROOT/build/logs
JOBS=${JOBS:-$(nproc)}

say() { printf '%s\n' "$*" >&2; }

# die WHAT [REMEDY]: one line naming what failed, one saying what to do.
die() {
  say "error: $1"
  if (($# > 1)); then say "       $2"; fi
  exit 1
}

# The last line of a log, cut to what fits beside a title; what ninja, apt and curl print is progress.
last_line() {
  tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | tr -cd '[:print:]\n' | grep -v '^ *$' | tail -n 1 | cut -c 1-70 || true
}

# Shows that a step is alive until it is killed or the script is gone: on a terminal one line redrawn each second, elsewhere a
# line every thirty.
watch_step() {
  local title=$1 log=$2 start=$SECONDS clock
  exec {clock}<> <(:)
  while kill -0 $$ 2>/dev/null; do
    read -rt 1 -u "$clock" _ || true
    if [[ -t 2 ]]; then
      printf '\r\e[K  %s … %d s  %s' "$title" $((SECONDS - start)) "$(last_line "$log")" >&2
    elif (((SECONDS - start) % 30 == 0)); then
      say "  $title … $((SECONDS - start)) s  $(last_line "$log")"
    fi
  done
}

# step LOG TITLE PROGRAM…: runs the program (not a shell function) with its output in build/logs/LOG.log, tells how long it
# took, and on failure shows the end of the log. Returns the command's status.
step() {
  local log=$LOGS/$1.log title=$2 start=$SECONDS status=0 watcher
  shift 2
  mkdir -p "$LOGS"
  watch_step "$title" "$log" &
  watcher=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  if [[ -t 2 ]]; then printf '\r\e[K' >&2; fi
  if ((status == 0)); then
    say "  $title: done in $((SECONDS - start)) s"
  else
    say "  $title: FAILED after $((SECONDS - start)) s; the end of ${log#"$ROOT"/}:"
    tail -n "${TAIL:-25}" "$log" | sed 's/^/    | /' >&2
  fi
  return "$status"
}
