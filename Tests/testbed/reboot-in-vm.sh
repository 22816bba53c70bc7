#!/bin/bash
# reboot-in-vm.sh - the package after a reboot: armed before the first container, which is told of.
#
# Runs twice in the VM as root (run-in-vm.sh --disk FILE), vm-checks.sh and the .deb beside it: first it installs the
# package and leaves a privileged container that docker starts at boot, then it looks.
cd "$(dirname "$0")" || exit 1
part=reboot
# shellcheck source=vm-checks.sh
. ./vm-checks.sh
when() { systemctl show -P "$2TimestampMonotonic" "$1"; }
before() { echo "$1 $2"; [ "$1" -gt 0 ] && [ "$2" -gt "$1" ]; }

if ! [ -e /usr/sbin/nodeagent ]; then
    check installs apt-get install -y --no-install-recommends ./nodeagent_*_amd64.deb
    check enabled systemctl is-enabled --quiet nodeagent
    check docker systemctl enable --now docker
    check container docker run -d --restart always --network none --privileged --name na-boot localhost/vm-busybox sleep 100000
    sync
else
    check active until_true 60 systemctl is-active --quiet nodeagent
    check ready until_true 20 curl -sf http://127.0.0.1:9749/readyz
    check docker until_true 90 systemctl is-active --quiet docker
    check before-containerd before "$(when nodeagent ActiveEnter)" "$(when containerd ExecMainStart)"
    check before-docker before "$(when nodeagent ActiveEnter)" "$(when docker ExecMainStart)"
    check runs until_true 60 sh -c 'docker ps | grep -q na-boot'
    check listed until_true 20 sh -c 'nodeagent inventory | grep -q "na-boot.*privileged"'
    check told until_true 20 sh -c \
        'journalctl -b -u nodeagent -o cat | grep -F "\"rule\":\"Privileged Container Started\"" | grep -qF na-boot'
    docker exec na-boot sh -c 'cat /proc/1/environ' >/dev/null
    check watched until_true 10 sh -c 'journalctl -b -u nodeagent -o cat | grep -qF "\"rule\":\"Read of /proc/1/environ in Container"'
    check audit sh -c 'auditctl -l | grep -q nodeagent-'
    check once [ "$(systemctl show -P NRestarts nodeagent)" = 0 ]
fi
checks_end
