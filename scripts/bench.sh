#!/bin/bash
# bench.sh - measure, print each figure with its limit, and end with 1 when one is beyond it. Root; under five minutes.
#
# Bench: the parser, the assembly and the rules in memory. log_bench.py: a log of a million records beside laurel and ausearch.
# Tests/Kernel/bench.py: the whole agent on this machine's kernel, under the guard, since audit is one for the whole machine.
# Tests/Kernel/collect_bench.py: a collection of evidence beside sosreport. What they need of others is installed.
# AGENT=PATH measures another agent than .build/release/nodeagent.
set -uo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "bench.sh: needs root: audit, fanotify and containers are measured as they are" >&2; exit 77; }
built=.build/bench
mkdir -p "$built"
gcc -static -O2 -Wall -Wextra -Werror -o "$built/bare_reader" Benchmarks/BareReader/bare_reader.c || exit 1
if [ ! -x .build/release/Bench ]; then
    "${SWIFT:-swift}" build -c release --product Bench || exit 1
fi
code=0
.build/release/Bench || code=1
Benchmarks/log_bench.py || code=1
Tests/testbed/guard.sh Tests/Kernel/bench.py --reader "$built/bare_reader" --agent "${AGENT:-.build/release/nodeagent}"
ended=$?
[ "$ended" -le 1 ] || echo "FAIL bench.py ended with $ended"
[ "$ended" = 0 ] || code=1
Tests/testbed/guard.sh Tests/Kernel/response_bench.py --agent "${AGENT:-.build/release/nodeagent}"
ended=$?
[ "$ended" -le 1 ] || echo "FAIL response_bench.py ended with $ended"
[ "$ended" = 0 ] || code=1
Tests/testbed/guard.sh Tests/Kernel/collect_bench.py --agent "${AGENT:-.build/release/nodeagent}"
ended=$?
[ "$ended" -le 1 ] || echo "FAIL collect_bench.py ended with $ended"
[ "$ended" = 0 ] || code=1
[ "$code" = 0 ] && echo "all figures within their limits" || echo "FAILED: a figure is beyond its limit, or was not measured"
exit "$code"
