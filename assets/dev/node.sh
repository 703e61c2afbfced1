#!/usr/bin/env bash
# Prints the node_modules that has what tests/clients/package.json names, and fills it first if need be.
#
# It lies in the user's cache, by the hash of its contents: it outlives `cargo clean`, and a change of the lock file makes
# another one. Each has 800 MB, so those that nobody has used for a month are removed.
set -euo pipefail
cd "$(dirname "$0")/../.."

assets/dev/packages.sh node
files=(tests/clients/.npmrc tests/clients/package.json tests/clients/package-lock.json)
key=$({ node --version; cat "${files[@]}"; } | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/codex-router-tests
environment=$cache/node-$key

if [ ! -f "$environment/complete" ]; then
    echo "Installing the Node clients in $environment" >&2
    rm -rf "$environment"
    mkdir -p "$environment"
    cp "${files[@]}" "$environment"
    (cd "$environment" && npm ci --loglevel=error) >&2
fi
touch "$environment/complete"
find "$cache" -maxdepth 2 -path '*/node-*/complete' -mtime +30 -printf '%h\0' | xargs -0r rm -rf
echo "$environment/node_modules"
