#!/usr/bin/env bash
# Measures: the hot paths with criterion, then the README's figures on the release build, as a Markdown table.
set -euo pipefail
cd "$(dirname "$0")/../.."

assets/dev/packages.sh build
assets/dev/packages.sh run test || echo "Going on without a screen: its figures are left out." >&2
cargo bench --locked --benches
cargo build --locked --release
CODEX_ROUTER_TEST_BINARY=$(assets/dev/binary.sh release) \
    cargo test --locked --test flows -- figures:: --ignored --nocapture
