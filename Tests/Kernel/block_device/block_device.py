"""Host Block Device Mounted in Container: each way to reach the host's disk, and what only looks like it."""
import os
import subprocess
import time

from harness import BLOCK, Failure, act, want


def variants(machine):
    path, major, minor = machine.block()
    return path, str(major), str(minor)


def attack(name, build, kernels=("host", "uml", "vm"), prepare=None, status=0):
    """build(device, major, minor) is the command."""
    @act("block_device/" + name, kernels=kernels)
    def run(t):
        device, major, minor = variants(t.machine)
        container = t.shared(privileged=True)
        node(container, device, major, minor)
        if prepare:
            prepare(t, container, major, minor)
        t.attack(container, build(device, major, minor), BLOCK, status=status)
    return run


def node(container, device, major, minor):
    """The device's node, where the engine did not make it. (Its own alert comes before the act's time.)"""
    if container.run("test", "-b", device).status != 0:
        want(container.run("mknod", device, "b", major, minor), 0)
        time.sleep(container.machine.settle)


def harmless(t, container, major, minor):
    """A node of another name, made beforehand: its own alert is heard before the mount's is waited for."""
    since = time.time_ns()
    container.run("rm", "-f", "/tmp/harmless")
    want(container.run("offender", "mknod", "/tmp/harmless", "b", major, minor), 0)
    t.expect(BLOCK, container, since)


attack("mount-old", lambda d, a, b: ("offender", "mount-old", d, "/mnt", "ext4"))
attack("mount-shell", lambda d, a, b: ("sh", "-c", "mount %s /mnt && umount /mnt" % d))
attack("mount-new", lambda d, a, b: ("offender", "mount-new", d, "ext4"))
attack("mount-new-moved", lambda d, a, b: ("offender", "mount-new", d, "ext4", "/mnt"))
attack("mount-renamed", lambda d, a, b: ("offender", "mount-old", "/tmp/harmless", "/mnt", "ext4"), prepare=harmless)
attack("mount-new-renamed", lambda d, a, b: ("offender", "mount-new", "/tmp/harmless", "ext4"), prepare=harmless)
attack("mount-int80", lambda d, a, b: ("offender", "mount-int80", d, "/mnt", "ext4"), kernels=("host", "vm"))
attack("mount-disguised", lambda d, a, b: ("runc", "disguise", "runc:[2:INIT]", "--", "mount-old", d, "/mnt", "ext4"))
attack("mount-new-disguised", lambda d, a, b: ("runc", "disguise", "runc:[2:INIT]", "--", "mount-new", d, "ext4"))
attack("mount-from-memfd", lambda d, a, b: ("runc", "memfd", "mount-old", d, "/mnt", "ext4"))
attack("open", lambda d, a, b: ("offender", "r", "open", d, "RDONLY"))
attack("open-write", lambda d, a, b: ("offender", "open", d, "RDWR"))
attack("openat", lambda d, a, b: ("offender", "r", "openat", d, "RDONLY"))
attack("openat2", lambda d, a, b: ("offender", "r", "openat2", d, "RDONLY"))
attack("open-reopened", lambda d, a, b: ("offender", "r", "reopen", d, "RDONLY"))
attack("open-dirfd", lambda d, a, b: ("offender", "r", "openat-dirfd", "/dev", d[5:], "RDONLY"))
attack("open-renamed", lambda d, a, b: ("offender", "r", "open", "/tmp/harmless", "RDONLY"), prepare=harmless)
attack("open-int80", lambda d, a, b: ("offender", "r", "open-int80", d, "RDONLY"), kernels=("host", "vm"))
attack("open-uring", lambda d, a, b: ("offender", "r", "open-uring", d, "RDONLY"))
attack("open2-uring", lambda d, a, b: ("offender", "r", "open2-uring", d, "RDONLY"))
attack("open-disguised", lambda d, a, b: ("runc", "disguise", "runc:[2:INIT]", "--", "r", "open", d, "RDONLY"))
attack("mknod", lambda d, a, b: ("sh", "-c", "rm -f /tmp/n; exec mknod /tmp/n b %s %s" % (a, b)))
attack("mknodat", lambda d, a, b: ("offender", "mknodat", "/tmp/n-%d" % time.time_ns(), "b", a, b))
attack("mknod-disguised", lambda d, a, b: ("runc", "disguise", "runc:[2:INIT]", "--", "mknod", "/tmp/n-%d" % time.time_ns(), "b", a, b))


@act("block_device/mount-unprivileged")
def mount_unprivileged(t):
    """An unprivileged container may make the node (CAP_MKNOD) and no more: the attempt is told."""
    device, major, minor = variants(t.machine)
    t.attack(t.shared(), ("offender", "mknod", "/tmp/n-%d" % time.time_ns(), "b", major, minor), BLOCK, status=(0, 1))


# ---- near misses ----
@act("block_device/near-tmpfs")
def near_tmpfs(t):
    container = t.shared(privileged=True)
    since = time.time_ns()
    want(container.run("offender", "mount-old", "tmpfs", "/mnt", "tmpfs"), 0)
    want(container.run("offender", "mount-new", "tmpfs", "tmpfs", "/mnt"), 0)
    want(container.run("sh", "-c", "mkdir -p /tmp/a && mount --bind /tmp/a /mnt && umount /mnt"), 0)
    t.silent(since, container)
    t.attack(container, ("offender", "open", t.machine.block()[0], "RDONLY"), BLOCK)


@act("block_device/near-null")
def near_null(t):
    container = t.shared(privileged=True)
    since = time.time_ns()
    want(container.run("sh", "-c", "cat /dev/null; echo x > /dev/null; head -c 10 /dev/zero > /tmp/z"), 0)
    want(container.run("offender", "mknod", "/tmp/c-%d" % time.time_ns(), "c", "1", "3"), 0)
    t.silent(since, container)
    t.attack(container, ("offender", "open", t.machine.block()[0], "RDONLY"), BLOCK)


@act("block_device/near-device-given", engines=("podman", "podman-runc", "docker", "runc"))
def near_device(t):
    """--device=DEV: the engine makes the node, the container uses what it was given; neither is an offence."""
    device = t.machine.block()[0]
    since = time.time_ns()
    container = t.container(devices=(device,))
    want(container.run("test", "-b", device), 0)
    want(container.run("offender", "r", "openat", device, "RDONLY"), 0)
    t.silent(since, container)
    t.control()


@act("block_device/near-host-mount", engines=None)
def near_host(t):
    """The host's own mount and read of a block device."""
    device = t.machine.block()[0]
    target = os.path.join(t.machine.work, "host-mount")
    os.makedirs(target, exist_ok=True)
    since = time.time_ns()
    for words in (["mount", device, target], ["umount", target], ["head", "-c", "512", device]):
        done = subprocess.run(words, env=t.machine.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise Failure("%s: %s" % (words, done.stderr))
    t.silent(since)
    t.engine = t.session.engines[0]
    t.control()
