#!/usr/bin/env bash
# Prints where cargo puts the program of a profile: binary.sh release
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
echo "$(realpath -m "$target")/$1/codex-router"
