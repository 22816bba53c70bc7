#!/bin/bash
# build.sh - the one release build of program and tests. Quiet when it works, the compiler's words when it does not.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ -t 2 ]; then
    "${SWIFT:-swift}" build -c release --build-tests
    exit
fi
if ! "${SWIFT:-swift}" build -c release --build-tests >"$log" 2>&1; then
    grep -E 'error:|warning:' "$log" | sort -u >&2 || tail -n 50 "$log" >&2
    exit 1
fi
