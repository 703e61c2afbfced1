#!/usr/bin/env bash
# Takes the pictures of the README, light and dark: the release build with the simulator, on a virtual screen at double size.
set -euo pipefail
cd "$(dirname "$0")/../.."

assets/dev/packages.sh build run test
CODEX_ROUTER_TEST_ALL=1 CODEX_ROUTER_TEST_BINARY=$(assets/dev/binary.sh release) \
    cargo test --locked --test flows -- pictures:: --ignored
ls -l assets/screenshot-light.png assets/screenshot-dark.png
