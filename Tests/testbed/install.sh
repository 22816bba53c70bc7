#!/bin/bash
# install.sh - install what the tests need, only what is missing, saying what.
#
# usage: install.sh [host|uml|vm|demo|all]      (default all; host and uml share most; demo: of host, only podman)
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
what=${1:-all}
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "install.sh: the testbed is for amd64" >&2; exit 2; }
missing=()
need() {       # need PATH PACKAGE: the package unless the file is there
    [ -e "$1" ] || missing+=("$2")
}
case $what in host|uml|vm|demo|all) ;; *) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; exit 64 ;; esac
# the acts: a static offender, a static busybox, an image; auditctl to save and put back audit's state
need /usr/bin/python3 python3
need /usr/bin/gcc gcc
need /usr/lib/x86_64-linux-gnu/libc.a libc6-dev
need /usr/bin/busybox busybox-static
if [ -e /usr/bin/busybox ] && ! /usr/bin/busybox --list 2>/dev/null | grep -qx httpd; then missing+=(busybox-static); fi
need /usr/sbin/auditctl auditd
need /usr/sbin/mkfs.ext4 e2fsprogs
need /usr/sbin/losetup mount
need /usr/bin/flock util-linux
need /usr/sbin/ip iproute2
need /usr/sbin/runc runc
need /usr/bin/zstd zstd
if [ "$what" = host ] || [ "$what" = demo ] || [ "$what" = all ]; then
    need /usr/bin/podman podman
    need /usr/bin/conmon conmon
fi
if [ "$what" = host ] || [ "$what" = all ]; then
    need /usr/bin/containerd containerd
    need /usr/sbin/dockerd docker.io
    need /usr/bin/promtool prometheus        # checks and scrapes the metrics; policy-rc.d below keeps its service down
fi
if [ "$what" = uml ] || [ "$what" = all ]; then
    need /usr/bin/linux.uml user-mode-linux
    need /usr/sbin/insmod kmod
fi
if [ "$what" = vm ] || [ "$what" = all ]; then
    need /usr/bin/qemu-system-x86_64 qemu-system-x86
    need /usr/bin/qemu-img qemu-utils
    need /usr/bin/mmdebstrap mmdebstrap
    need /usr/sbin/sfdisk fdisk
    need /usr/bin/cpio cpio
    need /usr/bin/make make
    need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
fi
[ ${#missing[@]} -gt 0 ] || exit 0
echo "install.sh: installing for the tests: ${missing[*]}"
# policy-rc.d: packages must not start daemons here (auditd would take audit's socket); put back afterwards
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy; chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
