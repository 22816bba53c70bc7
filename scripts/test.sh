#!/bin/bash
# test.sh PART... - run parts of the test suite and end with `N passed, N failed, N skipped` for all of them.
#
# PART: unit (Swift Testing, no root), host, uml, vm (the live acts on that kernel; root), package (the Debian package, built,
# and at work in the booted VM). Exit status 1 when something failed,
# or when fewer unit tests ran than Tests/unit-tests.txt says: a filter that matches nothing is no success.
set -uo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; exit 64; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# run_unit: runs them all once; sets code, ok, bad and left.
run_unit() {
    code=0
    "${SWIFT:-swift}" test -c release --skip-build --disable-xctest >"$log" 2>&1 || code=$?
    ok=$(grep '^. Test .* passed after' "$log" | grep -vc '^. Test run ')
    bad=$(grep '^. Test .* failed after' "$log" | grep -vc '^. Test run ')
    left=$(grep -c '^. Test .* skipped' "$log")
    [ "$code" = 0 ] || [ "$bad" != 0 ] || bad=1
}

unit() {
    local code ok bad left least
    least=$(cat Tests/unit-tests.txt)
    run_unit
    if [ "$bad" != 0 ]; then
        # A few tests compare processor times on a machine that others share: one second try, and both are printed.
        echo "unit: $bad failed, once more; the first try said:"
        grep -vE '^. (Test|Suite) .* (started|passed)' "$log"
        run_unit
        [ "$bad" = 0 ] || grep -vE '^. (Test|Suite) .* (started|passed)' "$log"
    fi
    if [ $((ok + left)) -lt "$least" ]; then
        echo "unit: $((ok + left)) tests are there, and Tests/unit-tests.txt says at least $least"
        bad=$((bad + 1))
    fi
    # Without root some tests cannot do what they are for, and say so; with root none has a reason.
    if [ "$(id -u)" = 0 ] && [ "$left" -gt 0 ]; then
        echo "unit: $left tests were skipped, as root"
        bad=$((bad + left))
    fi
    grep -E '^. Test .* skipped' "$log"
    echo "unit: $ok passed, $bad failed, $left skipped"
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
}

# counted NAME COMMAND…: runs something that ends with `N passed, N failed, N skipped`, and adds that up.
counted() {
    local name=$1 line code=0
    shift
    "$@" 2>&1 | tee "$log" || code=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    if [ -z "$line" ]; then
        echo "$name: the run ended without a result (status $code)"
        failed=$((failed + 1))
        return
    fi
    # shellcheck disable=SC2086
    set -- ${line//[!0-9]/ }
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$code" = 0 ] || [ "$2" != 0 ] || failed=$((failed + 1))
}

package() {
    local disk
    if ! scripts/deb.sh; then
        echo "package: it was not built"
        failed=$((failed + 1))
        return
    fi
    in_vm package -t 900 Tests/testbed/package-in-vm.sh
    # The same machine booted twice.
    disk=$(mktemp -d)
    in_vm install-and-reboot -t 600 --disk "$disk/root" Tests/testbed/reboot-in-vm.sh
    in_vm after-the-reboot -t 600 --disk "$disk/root" Tests/testbed/reboot-in-vm.sh
    rm -rf "$disk"
}

# in_vm NAME OPTION… SCRIPT: runs a script in the VM, the package beside it.
in_vm() {
    local name=$1
    shift
    counted "$name" Tests/testbed/run-in-vm.sh "$@" Tests/testbed/vm-checks.sh .build/deb/nodeagent_*.deb
}

for part in "$@"; do
    case $part in
        unit) unit ;;
        host|uml|vm) echo "== $part"; counted "$part" Tests/testbed/guard.sh Tests/Kernel/run.py --kernel "$part" ;;
        package) echo "== package"; package ;;
        *) echo "test.sh: unknown part '$part'" >&2; exit 64 ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
