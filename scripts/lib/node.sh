# Node and npm packages for the tests that run outside C++. Source after common.sh.
# shellcheck shell=bash

# Puts the pinned Node (scripts/fetch-node) first in PATH; Debian 12's own is too old for the tools.
need_node() {
  step fetch-node "fetching Node" "$ROOT/scripts/fetch-node" ||
    die "Node could not be fetched" "build/logs/fetch-node.log says why; stages other than e2e and api need none"
  PATH=$(tail -n 1 "$LOGS/fetch-node.log"):$PATH
  export PATH npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
}

# npm_ci FOLDER: installs what its lockfile names, unless it did so for this very lockfile.
npm_ci() {
  local folder=$1 log stamp
  log=npm-$(basename "$folder")
  stamp=$folder/node_modules/.lock-$(sha256sum "$folder/package-lock.json" | cut -c 1-16)
  if [[ -f $stamp ]]; then return 0; fi
  step "$log" "fetching npm packages of ${folder#"$ROOT"/}" \
    npm ci --prefix "$folder" --cache "$TDN_CACHE/npm" --no-progress ||
    die "npm packages could not be fetched" "check the connection and try again; see build/logs/$log.log"
  touch "$stamp"
}
