# Debian packages by purpose, and their installation. Source after common.sh.
# shellcheck shell=bash

packages_for() {
  case $1 in
    build)
      echo clang-19 lld-19 cmake ninja-build pkgconf ccache ca-certificates python3 \
        libboost1.81-dev libboost-json1.81-dev libssl-dev libsimdjson-dev libyaml-cpp-dev \
        libfmt-dev libspdlog-dev prometheus-cpp-dev libexpected-dev libxxhash-dev libcli11-dev libsqlite3-dev
      ;;
    run) echo ca-certificates python3 python3-venv ;;
    test) echo libgtest-dev libgmock-dev librapidcheck-dev libclang-rt-19-dev llvm-19 python3-venv prometheus openssl ;;
    lint) echo clang-format-19 clang-tidy-19 clang-tools-19 shellcheck codespell python3 ;;
    bench) echo libbenchmark-dev nginx-light ;;
    *) die "no package list for '$1'" ;;
  esac
}

# Those of the given packages that are not installed.
missing_packages() {
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u)
}

# Runs as root. While it installs, policy-rc.d keeps every service from starting by itself; what was
# there before is put back, whatever happens.
install_as_root() {
  cat <<'ROOT_SCRIPT'
set -eu
policy=/usr/sbin/policy-rc.d
saved=$(mktemp -d)
if [ -e "$policy" ]; then cp -p "$policy" "$saved/policy-rc.d"; fi
restore() {
  if [ -e "$saved/policy-rc.d" ]; then cp -p "$saved/policy-rc.d" "$policy"; else rm -f "$policy"; fi
  rm -rf "$saved"
}
trap restore EXIT
trap 'exit 130' INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
options='-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3'
apt-get $options update
apt-get $options install -y --no-install-recommends "$@"
ROOT_SCRIPT
}

# need_packages PURPOSE…: installs what these purposes lack; costs some milliseconds when nothing is.
need_packages() {
  local purpose wanted=() missing become=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    die "this machine has no apt-get: the scripts know Debian 12 only" \
      "on another system install the libraries of scripts/lib/packages.sh and call cmake --preset release"
  fi
  for purpose in "$@"; do
    # shellcheck disable=SC2207  # package names hold no spaces
    wanted+=($(packages_for "$purpose"))
  done
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if ((${#missing[@]} == 0)); then return 0; fi
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "packages are missing and neither root nor sudo is at hand" \
      "as root: apt-get install ${missing[*]}"
    sudo -v || die "sudo was refused, so packages cannot be installed" "as root: apt-get install ${missing[*]}"
    become=(sudo)
  fi
  step apt "installing ${#missing[@]} Debian packages" \
    "${become[@]}" sh -c "$(install_as_root)" install "${missing[@]}" ||
    die "Debian packages could not be installed" "see build/logs/apt.log; needed: ${missing[*]}"
}
