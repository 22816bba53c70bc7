#!/bin/bash
# guard.sh - run a command that plays with this machine's kernel state, one at a time, and put everything back.
#
# usage: guard.sh COMMAND [ARG...]      (make test: guard.sh Tests/Kernel/run.py --kernel all)
#
# Takes a lock; saves audit's settings and rules; gives the command a work directory ($NA_TEST_WORK). When the command ends,
# however it ends, and at the next start after a crash of this script itself: ends the daemons it started (by pid and start
# time), removes its containers, pods, images (names na-test-*, lab002-privileged), loop devices, mounts and directories, and
# restores audit. Exit status: the command's; 75 when another run holds the lock for ten minutes.
set -uo pipefail
[ $# -gt 0 ] || { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; exit 64; }
[ "$(id -u)" = 0 ] || { echo "guard.sh: needs root" >&2; exit 77; }
export PATH=$PATH:/usr/sbin:/sbin
base=/var/tmp/na-test
# in the VM and the user-mode kernel nothing outlives the run; this is for the machine itself
exec 9>/run/lock/nodeagent-tests.lock
flock -w 600 9 || { echo "guard.sh: another run holds /run/lock/nodeagent-tests.lock" >&2; exit 75; }

save() {       # save DIR
    auditctl -s > "$1/audit.status" 2>/dev/null
    auditctl -l > "$1/audit.rules" 2>/dev/null
    ls /etc/cni/net.d 2>/dev/null > "$1/cni"
    touch "$1/saved"
}

thaw() {       # what stands still cannot be ended; ours has the offender in its file tree
    local file pid
    find /sys/fs/cgroup \( -name freezer.state -o -name cgroup.freeze \) 2>/dev/null | while read -r file; do
        case $(cat "$file" 2>/dev/null) in FROZEN|FREEZING|1) ;; *) continue ;; esac
        for pid in $(cat "${file%/*}"/cgroup.procs "${file%/*}"/*/cgroup.procs 2>/dev/null); do
            [ -e "/proc/$pid/root/bin/offender" ] || continue
            case $file in *.state) echo THAWED ;; *) echo 0 ;; esac > "$file"
            break
        done
    done 2>/dev/null
}

setting() { awk -v k="$2" '$1 == k { print $2 }' "$1"; }

restore() {    # restore DIR: once more is harmless
    local dir=$1 pid start name id
    thaw
    [ -f "$dir/pids" ] && while read -r pid start name; do
        # ours is the process of that pid AND start time
        [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ] || continue
        if [ "$name" = containerd ]; then
            for id in $(ctr tasks ls -q 2>/dev/null | grep '^na-test-'); do ctr tasks rm -f "$id"; done >/dev/null 2>&1
            for id in $(ctr -n k8s.io tasks ls -q 2>/dev/null); do ctr -n k8s.io tasks rm -f "$id"; done >/dev/null 2>&1
        fi
        kill "$pid" 2>/dev/null
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ] && kill -9 "$pid" 2>/dev/null
    done < "$dir/pids"
    if command -v podman >/dev/null && [ -d /var/lib/containers/storage ]; then
        [ -f "$dir/containers.conf" ] && export CONTAINERS_CONF=$dir/containers.conf
        for id in $(podman pod ps --format '{{.Name}}' 2>/dev/null | grep -E '^(na-test-|lab002-privileged$)'); do podman pod rm -f -t 0 "$id"; done
        for id in $(podman ps -a --format '{{.Names}}' 2>/dev/null | grep '^na-test-'); do podman rm -f -t 0 "$id"; done
        for id in $(podman images --format '{{.Repository}}' 2>/dev/null | grep '^localhost/na-test'); do podman rmi -f "$id"; done
        unset CONTAINERS_CONF
    fi >/dev/null 2>&1
    for id in "$dir"/runc-root/*/; do [ -d "$id" ] && runc --root "$dir/runc-root" delete -f "$(basename "$id")"; done >/dev/null 2>&1
    awk '{ print $5 }' /proc/self/mountinfo | grep -F "$dir/" | sort -r | while read -r id; do umount -l "$id"; done
    losetup -l -n -O NAME,BACK-FILE | awk -v d="$dir/" 'index($2, d) == 1 { print $1 }' | while read -r id; do losetup -d "$id"; done
    [ -f "$dir/owned" ] && sort -u "$dir/owned" | while read -r id; do
        case $id in
            *..*|*/na-test-*/*) continue ;;
            kubepods) find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} \; 2>/dev/null; continue ;;
            /var/lib/docker|/var/lib/containerd|/run/docker|/run/containerd) ;;
            /etc/na-test-*|/root/na-test-*|/var/lib/na-test-*|/tmp/na-test-*|/dev/shm/na-test-*) ;;     # canaries of the evidence acts
            *) continue ;;
        esac
        awk '{ print $5 }' /proc/self/mountinfo | grep -F "$id/" | sort -r | while read -r m; do umount -l "$m"; done
        rm -rf "$id"
    done
    rm -f /run/na-test-docker.sock
    if [ -f "$dir/saved" ]; then
        for id in /etc/cni/net.d/podman-default-kube-network.conflist; do
            grep -qx "$(basename $id)" "$dir/cni" || rm -f "$id"
        done
        restore_audit "$dir"
    fi
    rm -rf "$dir"
}

restore_audit() {
    local dir=$1
    [ "$(auditctl -s 2>/dev/null | awk '$1 == "enabled" { print $2 }')" = 2 ] && { echo "guard.sh: audit is locked" >&2; return; }
    if ! auditctl -l 2>/dev/null | cmp -s - "$dir/audit.rules"; then
        echo "guard.sh: putting audit's rules back" >&2
        auditctl -D >/dev/null 2>&1
        # the output of auditctl -l is its own input
        grep -v '^No rules' "$dir/audit.rules" | while read -r line; do eval "auditctl $line" >/dev/null; done
    fi
    for pair in backlog_limit:-b rate_limit:-r failure:-f backlog_wait_time:--backlog_wait_time enabled:-e; do
        was=$(setting "$dir/audit.status" "${pair%%:*}")
        is=$(auditctl -s 2>/dev/null | awk -v k="${pair%%:*}" '$1 == k { print $2 }')
        [ -z "$was" ] || [ "$was" = "$is" ] || {
            echo "guard.sh: audit ${pair%%:*} was $was, is $is: put back" >&2
            auditctl "${pair#*:}" "$was" >/dev/null
        }
    done
}

# what a run left that was killed with everything on it
for old in "$base".*/; do
    [ -d "$old" ] || continue
    echo "guard.sh: putting back what ${old%/} left" >&2
    restore "${old%/}"
done

NA_TEST_WORK=$(mktemp -d "$base.XXXXXX") || exit 1
export NA_TEST_WORK
save "$NA_TEST_WORK"
child=
finish() {
    trap '' EXIT INT TERM HUP
    [ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; }
    restore "$NA_TEST_WORK"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$@" 9>&- &
child=$!
wait "$child"
code=$?
child=
exit "$code"
