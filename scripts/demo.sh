#!/bin/bash
# demo.sh - install what is missing, build, and show the agent at work in a container of this machine: Tests/Kernel/demo.py.
#
# usage: demo.sh [--color]      (make demo; AGENT=PATH shows another agent than the one that is built here)
#
# Ends with 1 when a step did not show what it should. Nothing stays behind, also after Ctrl-C: the guard sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "demo.sh: needs root: the agent watches the kernel, and a privileged container is started" >&2; exit 77; }
Tests/testbed/install.sh demo
if [ -z "${AGENT:-}" ]; then
    scripts/install.sh
    scripts/build.sh
    AGENT=.build/release/nodeagent
fi
exec Tests/testbed/guard.sh Tests/Kernel/demo.py --agent "$AGENT" "$@"
