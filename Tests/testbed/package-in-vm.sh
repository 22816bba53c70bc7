#!/bin/bash
# package-in-vm.sh - the package in a booted system: installed by apt, at work, beside auditd, with response on, removed, purged.
#
# Runs in the VM as root (run-in-vm.sh), vm-checks.sh and the .deb beside it.
cd "$(dirname "$0")" || exit 1
part=package
# shellcheck source=vm-checks.sh
. ./vm-checks.sh
pid() { systemctl show -P MainPID nodeagent; }
property() { sed -n "s/^$2:\t//p" "/proc/$1/status"; }
alerts() { journalctl -u nodeagent -o cat --no-pager --since "@$since" | grep '"rule"'; }
told() { alerts | grep -F "\"rule\":\"$1\"" | grep -F "\"container.name\":\"$2\"" | grep -q .; }
metric() { curl -s http://127.0.0.1:9749/metrics | grep -F "$1" | grep -vq '} 0$'; }
has_container() { nodeagent inventory | awk -v n="$1" -v r="$2" '$2 == n && $0 ~ r {found = 1} END {exit !found}'; }

before=$(auditctl -l)
check installs apt-get install -y --no-install-recommends ./nodeagent_*_amd64.deb
check active until_true 20 systemctl is-active --quiet nodeagent
check ready until_true 20 curl -sf http://127.0.0.1:9749/readyz
check filter [ "$(property "$(pid)" Seccomp) $(property "$(pid)" NoNewPrivs)" = "2 1" ]
deliver=$(pgrep -f 'nodeagent deliver' | head -n 1)
check deliverer [ "$(property "$deliver" Uid | cut -f 1)" = "$(id -u _nodeagent)" ]
check deliverer-rights [ "$(property "$deliver" CapEff) $(property "$deliver" Seccomp)" = "0000000000000000 2" ]
check man-and-completion test -s /usr/share/bash-completion/completions/nodeagent
exposure=$(systemd-analyze security nodeagent.service --no-pager 2>/dev/null | sed -n 's/.*level for nodeagent.service: \([0-9.]*\).*/\1/p')
check exposure awk -v e="$exposure" 'BEGIN {exit !(e != "" && e <= 4.7)}'
echo "  exposure $exposure"

check check-config nodeagent check-config
check explain-nothing sh -c '! nodeagent explain 2>/dev/null'
nodeagent doctor >doctor.txt 2>&1
check doctor sh -c 'grep -q "^PASS  connector" doctor.txt && ! grep -q "^FAIL" doctor.txt'

systemctl start docker
image=localhost/vm-busybox
start() {
    docker run -d --network none --privileged --name "$1-docker" $image sleep 1000 &&
        podman run -d --network none --privileged --name "$1-podman" $image sleep 1000 &&
        ctr run -d --privileged $image:latest "$1-ctr" sleep 1000
}
within() {                   # within ENGINE CONTAINER SCRIPT
    case $1 in
        docker) docker exec "$2" sh -c "$3" ;;
        podman) podman exec "$2" sh -c "$3" ;;
        ctr) ctr tasks exec --exec-id "x$RANDOM" "$2" sh -c "$3" ;;
    esac
}
# acts PREFIX NAME: the seeds' three acts in a privileged container of each engine, each with its alert.
acts() {
    since=$(date +%s)
    sleep 1
    check "$2/containers-start" start "$1"
    for engine in docker podman ctr; do
        name=$1-$engine
        check "$2/$engine/listed" until_true 15 has_container "$name" privileged
        check "$2/$engine/privileged" until_true 10 told "Privileged Container Started" "$name"
        within $engine "$name" 'mkdir -p /m; mknod /dev/na b 8 1; mount /dev/na /m' >/dev/null 2>&1
        check "$2/$engine/sda1" until_true 10 told "Host Block Device Mounted in Container" "$name"
        within $engine "$name" 'echo /tmp/x > /sys/kernel/uevent_helper' >/dev/null 2>&1
        check "$2/$engine/uevent_helper" until_true 10 told "Write to uevent_helper" "$name"
        within $engine "$name" 'cat /proc/1/environ' >/dev/null 2>&1
        check "$2/$engine/environ" until_true 10 told "Read of /proc/1/environ in Container" "$name"
    done
    check "$2/counted" metric 'nodeagent_alerts_total{rule="Write to uevent_helper"'
}
acts na package
check explain sh -c 'nodeagent explain | grep -q "^Why this container"'
# A rule of this host is taken without a restart; a reload takes a wrong one for what it is.
first=$(pid)
printf -- '- rule: Local\n  desc: d\n  condition: evt.type = mount and file.type = block and container.id != host\n  output: local\n  priority: NOTICE\n' \
    > /etc/nodeagent/rules.d/local.yaml
check reload/file until_true 20 sh -c "journalctl -u nodeagent -o cat --since @$since | grep -q 'Rules reloaded: 9 rules'"
echo '- rule: [' > /etc/nodeagent/rules.d/wrong.yaml
check reload/systemctl systemctl reload nodeagent
check reload/wrong until_true 20 sh -c "journalctl -u nodeagent -o cat --since @$since | grep -q 'Rules not reloaded'"
rm -f /etc/nodeagent/rules.d/*.yaml
check reload/again until_true 20 sh -c "journalctl -u nodeagent -o cat --since @$since | grep -q 'Rules reloaded: 8 rules'"
check reload/same-process [ "$(pid)" = "$first" ]
check canary sh -c 'curl -s http://127.0.0.1:9749/metrics | grep "^nodeagent_canary_missed_total" | grep -vq " 0$"; [ $? = 1 ]'
check canary-seen [ "$(curl -s http://127.0.0.1:9749/metrics | grep -c '^nodeagent_canary_last_seen.* [1-9]')" = 3 ]
check no-refusals sh -c '! curl -s http://127.0.0.1:9749/metrics | grep -E "^nodeagent_system_calls_refused_total" | grep -vq " 0$"'

# With response on: a frozen container and a tarball that verifies.
sed -i -e 's/^  mode: off$/  mode: on/' -e 's/^  rules: \[\]$/  rules: [{rule: Write to uevent_helper, actions: [collect, freeze]}]/' \
    /etc/nodeagent/nodeagent.yaml
check restart systemctl restart nodeagent
check again-ready until_true 20 curl -sf http://127.0.0.1:9749/readyz
since=$(date +%s)
within docker na-docker 'sleep 1; echo /tmp/x > /sys/kernel/uevent_helper' >/dev/null 2>&1 &
check frozen until_true 20 sh -c 'nodeagent status | grep -q na-docker'
check tarball until_true 60 sh -c 'ls /var/lib/nodeagent/evidence/*.tar.zst'
check verifies sh -c 'nodeagent verify /var/lib/nodeagent/evidence/*.tar.zst'
check private [ "$(stat -c '%a %U' /var/lib/nodeagent/evidence)" = "700 root" ]
check release nodeagent release na-docker
wait

# The evidence has the kernel's log, which takes a right and a device that the unit has to leave.
check kernel-log sh -c 'tar --zstd -xOf /var/lib/nodeagent/evidence/*.tar.zst host/kmsg | grep -q .'

# A crash: told at crit with a function and a file, the state outlives it, and the service comes back, as often as it takes.
# A signal that was sent does not come again when its handler returns, as a real one does: two of them. An emulated machine
# takes a hundred times as long for the report as a real one (1.3 s): here neither the watchdog nor its own limit ends it.
drop_in=/run/systemd/system/nodeagent.service.d
mkdir -p $drop_in
{
    echo '[Service]'
    echo WatchdogSec=0
    sed -n 's/^Environment=SWIFT_BACKTRACE=.*/&,timeout=300/p' /lib/systemd/system/nodeagent.service
} > $drop_in/slow.conf
systemctl daemon-reload
check crash/restart systemctl restart nodeagent
crash() {
    local first
    first=$(pid)
    kill -ILL "$first"
    until_true 280 sh -c "journalctl -u nodeagent -o cat --since @$since | grep -q '^Backtrace took'"
    kill -ILL "$first" 2>/dev/null
    until_true 20 sh -c "[ \$(systemctl show -P MainPID nodeagent) != $first ] && curl -sf http://127.0.0.1:9749/readyz"
}
since=$(date +%s)
rules=$(auditctl -l | wc -l)
touch /run/nodeagent/outlives
check crash/again crash
check crash/state test -e /run/nodeagent/outlives
check crash/rules [ "$(auditctl -l | wc -l)" = "$rules" ]
check crash/priority sh -c "journalctl -u nodeagent -p crit -o cat --since @$since | grep -q 'has ended and sees nothing'"
check crash/place sh -c "journalctl -u nodeagent -o cat --since @$since | grep -q ' in nodeagent at .*\.swift:[0-9]'"
for _ in 1 2 3 4 5 6; do
    kill -KILL "$(pid)"
    sleep 2
done
check crash/never-given-up until_true 20 curl -sf http://127.0.0.1:9749/readyz
rm -rf /run/nodeagent/outlives $drop_in
systemctl daemon-reload

# Beside auditd.
check stop systemctl stop nodeagent
docker rm -f na-docker >/dev/null 2>&1
podman rm -f -t 0 na-podman >/dev/null 2>&1
ctr tasks kill -s KILL na-ctr >/dev/null 2>&1
sed -i 's/^  mode: on$/  mode: off/' /etc/nodeagent/nodeagent.yaml
check auditd systemctl start auditd
systemctl start nodeagent
check beside-auditd/ready until_true 20 curl -sf http://127.0.0.1:9749/readyz
acts nb beside-auditd
check beside-auditd/auditd-lives systemctl is-active --quiet auditd

# A conffile that was changed stays at an upgrade, and at a removal.
echo '# mine' >> /etc/nodeagent/allowlist.yaml
check reinstalls apt-get install -y --reinstall --no-install-recommends ./nodeagent_*_amd64.deb
check conffile grep -q '^# mine' /etc/nodeagent/allowlist.yaml
check again-active until_true 20 systemctl is-active --quiet nodeagent
check remove apt-get remove -y nodeagent
check kept test -s /etc/nodeagent/nodeagent.yaml
check purge apt-get purge -y nodeagent
systemctl stop auditd
left=$(find / -xdev \( -name '*nodeagent*' -not -path '/proc/*' -not -path '/vm/*' -not -path '/var/log/*' -not -path '/var/cache/*' \) 2>/dev/null
    find /run /var/lib/nodeagent /etc/nodeagent -name '*nodeagent*' 2>/dev/null)
check nothing-left [ -z "$left" ]
check no-user sh -c '! getent passwd _nodeagent'
check audit-as-before [ "$(auditctl -l)" = "$before" ]
checks_end
