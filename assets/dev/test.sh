#!/usr/bin/env bash
# Runs every test that this machine can run, and names the others at the end.
#
# What the tests need is installed if that is possible. CODEX_ROUTER_TEST_ALL=1 turns a skipped test into a failed one.
# Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/../.."

assets/dev/packages.sh build
assets/dev/packages.sh run test || echo "Going on: the tests that need them are skipped." >&2
for which in '' -old -llm; do
    variable=CODEX_ROUTER_TEST_PYTHON$(tr -- '-[:lower:]' '_[:upper:]' <<<"$which")
    if [ -z "${!variable:-}" ] && python=$(assets/dev/python.sh "tests/clients/requirements$which.txt"); then
        export "$variable=$python"
    fi
done
if [ -z "${CODEX_ROUTER_TEST_NODE_MODULES:-}" ] && node_modules=$(assets/dev/node.sh); then
    export CODEX_ROUTER_TEST_NODE_MODULES=$node_modules
fi

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
