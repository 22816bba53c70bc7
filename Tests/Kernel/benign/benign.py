"""Containers and hosts at work: silence, and then a control act that proves the agent alive."""
import os
import subprocess
import time

from harness import IMAGE, Failure, act, check, want


@act("benign/at-work")
def at_work(t):
    """An unprivileged container at work."""
    container = t.shared()
    since = time.time_ns()
    for words in (("ls", "-l", "/"), ("cat", "/etc/passwd"), ("ps",), ("sh", "-c", "echo a > /tmp/a; cat /tmp/a; rm /tmp/a"),
                  ("sh", "-c", "for i in 1 2 3 4 5; do mkdir -p /tmp/d/$i; echo $i > /tmp/d/$i/f; done; rm -r /tmp/d"),
                  ("cat", "/proc/self/environ"), ("cat", "/proc/meminfo"), ("cat", "/proc/mounts"), ("mount",), ("df",), ("env",),
                  ("find", "/sys/kernel", "-maxdepth", "1"), ("cat", "/sys/class/net/lo/mtu"), ("hostname",), ("id",), ("uptime",),
                  ("dd", "if=/dev/zero", "of=/tmp/z", "bs=64k", "count=16"), ("ls", "/dev")):
        done = container.run(*words)
        if done.status > 1:
            raise Failure("%s: %r" % (words, done))
    t.silent(since, container)
    t.control()


@act("benign/start-and-stop")
def start_and_stop(t):
    """The runtime's own set-up mounts proc, sysfs, cgroups and makes nodes."""
    since = time.time_ns()
    want(t.engine.once("true"), 0)
    t.silent(since)
    t.control()


@act("benign/exec")
def benign_exec(t):
    container = t.shared()
    since = time.time_ns()
    done = t.engine.exec(container, "cat", "/etc/passwd")
    if done.returncode or b"root" not in done.stdout:
        raise Failure("exec: %s" % done.stdout[-200:])
    t.silent(since, container)
    t.control()


@act("benign/image-import", kernels=("host", "vm"), engines=("podman", "docker", "ctr"))
def image_import(t):
    """An image goes into the engine's storage and out again."""
    since = time.time_ns()
    words = {"podman": ["podman", "load", "-q", "-i"], "ctr": ["ctr", "images", "import"]}.get(t.engine.name)
    check((words or t.engine._docker("load", "-q", "-i")) + [t.machine.archive], t.machine.env)
    t.silent(since)
    t.control()


@act("benign/image-build", kernels=("host", "vm"), engines=("podman", "docker"))
def image_build(t):
    """A build with no RUN: COPY and ENV on the test's own image."""
    context = os.path.join(t.machine.work, "build-" + t.engine.name)
    os.makedirs(context, exist_ok=True)
    with open(os.path.join(context, "Dockerfile"), "w") as out:
        out.write("FROM %s\nENV A=b\nCOPY Dockerfile /\n" % IMAGE)
    since = time.time_ns()
    tag = "localhost/na-test-built"
    if t.engine.name == "podman":
        check(["podman", "build", "-q", "--pull=never", "-t", tag, context], t.machine.env)
        check(["podman", "rmi", "-f", tag], t.machine.env)
    else:
        check(t.engine._docker("build", "-q", "-t", tag, context), t.machine.env)
        check(t.engine._docker("rmi", tag), t.machine.env)
    t.silent(since)
    t.control()


@act("benign/host-at-work", engines=None)
def host_at_work(t):
    """The host mounts a tmpfs, makes a node, writes to sysfs and procfs, runs a program named runc."""
    target = os.path.join(t.machine.work, "tmpfs")
    os.makedirs(target, exist_ok=True)
    since = time.time_ns()
    subprocess.run(["sh", "-c", "mount -t tmpfs t %s && umount %s; cat /proc/1/environ /proc/mounts; v=$(cat /proc/sys/vm/swappiness);"
                    "echo $v > /proc/sys/vm/swappiness; runc --version; ps ax; ls -lR /sys/kernel" % (target, target)],
                   env=t.machine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    t.silent(since)
    t.engine = t.session.engines[0]
    t.control()
