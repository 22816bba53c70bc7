"""Read of /proc/1/environ: by every road, and the reads that are nobody's business."""
import subprocess
import time

from harness import ENVIRON, ENVIRON_OUTSIDE, REPEATS, Failure, act, seen, times, want

PATH = "/proc/1/environ"


def attack(name, *command, kernels=("host", "uml", "vm"), privileged=False, status=0):
    @act("environ/" + name, kernels=kernels)
    def run(t):
        t.attack(t.shared(privileged=privileged), command, ENVIRON, status=status)


attack("cat", "cat", PATH)
attack("cat-privileged", "cat", PATH, privileged=True)
attack("open", "offender", "r", "open", PATH, "RDONLY")
attack("openat2", "offender", "r", "openat2", PATH, "RDONLY")
attack("symlink", "sh", "-c", "ln -sf /proc/1/environ /tmp/l; cat /tmp/l > /dev/null")
attack("symlink-directory", "sh", "-c", "ln -sfn /proc/1 /tmp/d; cat /tmp/d/environ > /dev/null")
attack("dirfd", "offender", "r", "openat-dirfd", "/proc/1", "environ", "RDONLY")
attack("relative", "sh", "-c", "cd /proc/1 && cat environ > /dev/null")
attack("task-alias", "cat", "/proc/1/task/1/environ")
attack("root-link", "cat", "/proc/self/root/proc/1/environ")
attack("reopened", "offender", "r", "reopen", PATH, "RDONLY")
attack("int80", "offender", "r", "open-int80", PATH, "RDONLY", kernels=("host", "vm"))
attack("uring", "offender", "r", "open-uring", PATH, "RDONLY", privileged=True)
attack("disguised", "runc", "disguise", "runc:[2:INIT]", "--", "r", "openat", PATH, "RDONLY")
attack("second-proc", "offender", "second-proc", "/tmp/proc2", "300", privileged=True)
attack("bind-mounted", "sh", "-c", "touch /tmp/b; mount --bind /proc/1/environ /tmp/b && cat /tmp/b > /dev/null; umount -l /tmp/b", privileged=True)


@act("environ/second-proc-at-once")
def at_once(t):
    """Mounted and read at once: how often it is seen is measured, not asserted."""
    container = t.shared(privileged=True)
    turns, since = 5, time.time_ns()
    for _ in range(turns):
        want(container.run("offender", "second-proc", "/tmp/proc2", "0"), 0)
        time.sleep(0.1)
    time.sleep(t.machine.settle + REPEATS)
    t.note("seen %d of %d" % (times(t.alerts(since, container, rules=(ENVIRON,))), turns))


@act("environ/host-pid", kernels=("uml", "vm"))
def host_pid(t):
    """--pid=host: pid 1 is the host's. (The development machine refuses to open its pid 1's environ to anybody.)"""
    t.attack(t.shared(privileged=True, pid="host"), seen(t.machine, ("offender", "r", "open", PATH, "RDONLY")), ENVIRON_OUTSIDE)


@act("environ/host-pid-task-alias", kernels=("uml", "vm"))
def host_pid_alias(t):
    t.attack(t.shared(privileged=True, pid="host"),
             seen(t.machine, ("offender", "r", "open", "/proc/1/task/1/environ", "RDONLY")), ENVIRON_OUTSIDE)


@act("environ/host-pid-disguised", kernels=("uml", "vm"))
def host_pid_disguised(t):
    t.attack(t.shared(privileged=True, pid="host"),
             seen(t.machine, ("runc", "disguise", "runc:[2:INIT]", "--", "r", "openat", PATH, "RDONLY")), ENVIRON_OUTSIDE)


@act("environ/other-containers-pid", engines=("podman", "podman-runc", "docker"))
def other_pid(t):
    """--pid=container:OTHER: pid 1 is another container's."""
    other = t.container()
    t.attack(t.container(pid="container:" + other.name), ("offender", "r", "open", PATH, "RDONLY"), ENVIRON_OUTSIDE)


@act("environ/exec", engines=("podman", "podman-runc", "docker", "ctr", "runc"))
def by_exec(t):
    """The engine's own exec of a command that reads it."""
    container = t.shared()
    since = time.time_ns()
    done = t.engine.exec(container, "cat", PATH)
    if done.returncode:
        raise Failure("exec: %s" % done.stdout[-200:])
    t.expect(ENVIRON, container, since)


# ---- near misses ----
@act("environ/near-self")
def near_self(t):
    container = t.shared()
    since = time.time_ns()
    want(container.run("cat", "/proc/self/environ"), 0)
    want(container.run("sh", "-c", "cat /proc/$$/environ /proc/1/cmdline /proc/1/status /proc/1/comm > /dev/null"), 0)
    # An open whose process is gone is taken, with the doubt, for one's that ended in the same half second and names the file.
    time.sleep(t.machine.settle)
    want(container.run("sh", "-c", "ls -l /proc/1 > /dev/null; stat /proc/1/environ > /dev/null; echo x > /tmp/environ; cat /tmp/environ"), (0, 1))
    t.silent(since, container)
    t.control()


@act("environ/near-host", engines=None)
def near_host(t):
    """The host's own reads, of its pid 1 and of a container's."""
    t.engine = t.session.engines[0]
    container = t.shared()
    since = time.time_ns()
    for path in ("/proc/1/environ", "/proc/self/environ", "/proc/1/task/1/environ"):
        subprocess.run(["cat", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    t.silent(since)
    t.control()
