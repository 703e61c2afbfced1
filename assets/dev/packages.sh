#!/usr/bin/env bash
# Installs what is missing of the named sets of assets/dev/packages.txt: packages.sh build run test
#
# With nothing missing it says nothing and touches nothing. As root, or through sudo, it installs; else it prints the command
# that would, and fails.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian or Ubuntu: look at assets/dev/packages.txt for what is needed." >&2
    exit 0
fi

# A Node from elsewhere will do: the clients of the tests want 18 or newer.
has_node() {
    command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null
}

missing=()
for set in "$@"; do
    [ "$set" != node ] || ! has_node || continue
    while read -r package; do
        status=$(dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null || true)
        grep -qx installed <<<"$status" || missing+=("$package")
    done < <(awk -v set="$set" '$1 == set { print $2 }' packages.txt)
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    root=()
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    root=(sudo)
else
    echo "These system packages are missing. Install them, then try again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

echo "Installing ${missing[*]}" >&2
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
# A list that could not be renewed may still be good enough.
"${apt[@]}" update >/dev/null || echo "apt-get update failed; going on with the lists that are there." >&2
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2
