# vm-checks.sh - what the scripts have in common that try the package in the VM; they source it, and set `part` before.
#
# A line for each check; the scripts end with `N passed, N failed, 0 skipped` by `checks_end`, whose status is theirs.
export PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok vm/$part/$1"; }
bad() { failed=$((failed + 1)); echo "FAIL vm/$part/$1: $2"; }
# check NAME COMMAND…: the command's status decides; what it printed is told when it fails.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$name"; else bad "$name" "$(tail -c 600 <<<"$said" | tr '\n' ' ')"; fi
}
# until_true SECONDS COMMAND…
until_true() {
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $limit ] || { "$@"; return 1; }; sleep 0.3; done
}
checks_end() {
    echo "$passed passed, $failed failed, 0 skipped"
    [ $failed = 0 ]
}
