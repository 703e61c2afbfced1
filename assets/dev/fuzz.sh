#!/usr/bin/env bash
# Runs the fuzz targets one after the other, from the fixtures and from what earlier runs found (fuzz/corpus, not committed).
#
# FUZZ_SECS: how long each runs (60). FUZZ_TARGETS: which ones (all). A crash ends the run and is kept below fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/../.."

assets/dev/packages.sh build
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

for target in ${FUZZ_TARGETS:-$(cargo fuzz list)}; do
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    seeds=fuzz/seeds/$target
    [ -d "$seeds" ] || seeds=src/translate/fixtures
    # No sanitizer: that is what a stable toolchain can do, and there is no unsafe code to watch.
    cargo fuzz run -s none "$target" "$corpus" "$seeds" -- \
        -max_total_time="${FUZZ_SECS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
