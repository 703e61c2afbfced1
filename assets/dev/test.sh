#!/usr/bin/env bash
# Runs every test that this machine can run, and names the others at the end.
#
# What the tests need is installed if that is possible. CODEX_ROUTER_TEST_ALL=1 turns a skipped test into a failed one.
set -euo pipefail
cd "$(dirname "$0")/../.."

assets/dev/packages.sh build
assets/dev/packages.sh run test || echo "Going on: the tests that need them are skipped." >&2
if [ -z "${CODEX_ROUTER_TEST_PYTHON:-}" ] && python=$(assets/dev/python.sh); then
    export CODEX_ROUTER_TEST_PYTHON=$python
fi

# The real clients must not be sent through a proxy to 127.0.0.1.
export NO_PROXY=127.0.0.1,localhost,::1 no_proxy=127.0.0.1,localhost,::1
[ ! -t 1 ] || export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
result=0
cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$log" || result=$?

skipped=$(grep -o 'skipped: .*' "$log" | sort -u || true)
if [ -n "$skipped" ]; then
    printf '\nWhat this machine could not run:\n%s\n' "$skipped"
fi
exit "$result"
