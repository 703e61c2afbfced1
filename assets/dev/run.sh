#!/usr/bin/env bash
# Starts the release build with these arguments. With a display, what a window needs is installed first.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    "$root/assets/dev/packages.sh" run
fi
exec "$("$root/assets/dev/binary.sh" release)" "$@"
