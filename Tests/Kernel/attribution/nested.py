"""Docker in docker: both are reported, the inner one as a claim of the outer one's."""
import json
import os
import time

from harness import ENVIRON, IMAGE, Docker, Failure, act, want

# What the inner engine needs: the host's programs, a place of its own, and a cgroup whose processes lie in a leaf.
PREPARE = "; ".join((
    "set -e", "ln -s usr/lib /lib", "ln -s usr/lib64 /lib64", "mkdir -p /run /var/lib /tmp", "cd /sys/fs/cgroup", "mkdir leaf",
    "while [ -n \"$(cat cgroup.procs)\" ]; do for p in $(cat cgroup.procs); do echo $p > leaf/cgroup.procs || true; done; done",
    "for c in $(cat cgroup.controllers); do echo +$c > cgroup.subtree_control; done"))
PATH = "PATH=/usr/sbin:/usr/bin:/bin"            # /bin has programs of ours that are called like runtimes
INNER = ("/usr/bin/env", PATH, "/usr/bin/docker", "-H", "unix:///run/inner.sock")


class Outer(Docker):
    """With the host's /usr, and the image for the inner one."""

    def _options(self, privileged, pid, network, devices):
        return [*super()._options(privileged, pid, network, devices), "-v", "/usr:/usr:ro", "--tmpfs", "/var/lib/docker:exec",
                "-v", "%s:/image.tar:ro" % self.machine.archive]


@act("attribution/docker-in-docker", kernels=("vm",), engines=None)
def nested(t):
    """The inner container is listed below the outer one; what it does is told of it, with the outer one's name to act on."""
    t.engine = Outer(t.machine)
    t.engine.start()
    outer = t.container(privileged=True)
    want(outer.run("sh", "-c", PREPARE), 0)
    want(outer.run("sh", "-c", "%s /usr/sbin/dockerd -H unix:///run/inner.sock --bridge none --iptables=false --storage-driver vfs"
                   " > /run/log 2>&1 &" % PATH), 0)
    limit = time.monotonic() + 90
    while outer.run(*INNER, "version").status != 0:
        if time.monotonic() > limit:
            raise Failure("the inner dockerd did not start: %s" % outer.run("tail", "-n", "3", "/run/log"))
        time.sleep(0.5)
    want(outer.run(*INNER, "load", "-q", "-i", "/image.tar", timeout=60), 0)
    want(outer.run(*INNER, "run", "-d", "--network", "none", "--cidfile", "/run/cid", IMAGE, "sleep", "1000", timeout=60), 0)
    inner = outer.run("cat", "/run/cid").output.strip()
    limit = time.monotonic() + 10
    while True:
        rows = {row["id"]: row for row in json.loads(t.nodeagent("inventory", "--output", "json").stdout)}
        if inner in rows and rows[inner]["pid"] or time.monotonic() > limit:
            break
        time.sleep(0.5)
    if inner not in rows or outer.id not in rows:
        raise Failure("listed: %s, wanted %s and %s" % (sorted(rows), outer.id, inner))
    told = [(rows[i]["parent"], rows[i]["verdict"]) for i in (outer.id, inner)]
    if told != [(None, "privileged"), (outer.id, "restricted")]:
        raise Failure("told: %s" % told)
    since = time.time_ns()
    want(outer.run(*INNER, "exec", inner, "cat", "/proc/1/environ", timeout=60), 0)
    t.expect(ENVIRON, Told(inner), since)


class Told:
    """What an alert about the inner one must say; its name and image lie in files that the outer one can write."""
    name = image = pod = namespace = None

    def __init__(self, id):
        self.id = id
