#!/usr/bin/env bash
# Prints the path of a Python that has what a requirements file names, and makes it first if need be:
# python.sh tests/clients/requirements.txt
#
# It lies in the user's cache, by the hash of its contents: it outlives `cargo clean`, and a change of the requirements makes
# another one.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=$1
base=$(command -v python3)
key=$({ "$base" -VV; cat "$requirements"; } | sha256sum | cut -c1-16)
environment=${XDG_CACHE_HOME:-$HOME/.cache}/codex-router-tests/$key

if [ ! -f "$environment/complete" ]; then
    echo "Making a Python environment in $environment" >&2
    rm -rf "$environment"
    "$base" -m venv "$environment" >&2
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$requirements" >&2
    touch "$environment/complete"
fi
echo "$environment/bin/python"
