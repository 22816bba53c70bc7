"""Write to uevent_helper: the write where the file exists, the attempt where it does not."""
import os
import subprocess
import time

from harness import UEVENT, Failure, Skip, act, event_time, want

HELPER = "/sys/kernel/uevent_helper"
EACCES, EROFS, ENOENT = 13, 30, 2


def outcome(t, privileged, creates):
    """The errno that this kernel answers."""
    if t.machine.uevent_exists():
        return 0 if privileged else EROFS
    return ENOENT if not creates else (EACCES if privileged else EROFS)


def attack(name, command, creates, kernels=("host", "uml", "vm"), shell=False):
    for privileged in (True, False):
        @act("uevent_helper/%s-%s" % (name, "privileged" if privileged else "unprivileged"), kernels=kernels)
        def run(t, privileged=privileged):
            status = outcome(t, privileged, creates)
            if "uring" in name and not privileged and t.engine.name in ("podman", "podman-runc", "docker"):
                done = t.shared().run("offender", "open-uring", "/dev/null", "RDONLY")
                if done.status:
                    raise Skip("no io_uring in this engine's seccomp profile")
            t.attack(t.shared(privileged=privileged), command, UEVENT, status=(1 if status else 0) if shell else status)


attack("shell", ("sh", "-c", "echo /x > " + HELPER), True, shell=True)
attack("shell-append", ("sh", "-c", "echo /x >> " + HELPER), True, shell=True)
attack("creat", ("offender", "w=/x", "creat", HELPER), True)
attack("open-create", ("offender", "w=/x", "open", HELPER, "WRONLY|CREAT|TRUNC"), True)
attack("open", ("offender", "w=/x", "open", HELPER, "WRONLY"), False)
attack("open-rdwr", ("offender", "w=/x", "open", HELPER, "RDWR"), False)
attack("openat-create", ("offender", "w=/x", "openat", HELPER, "WRONLY|CREAT|TRUNC"), True)
attack("openat", ("offender", "w=/x", "openat", HELPER, "WRONLY"), False)
attack("openat-dirfd-create", ("offender", "w=/x", "openat-dirfd", "/sys/kernel", "uevent_helper", "WRONLY|CREAT"), True)
attack("openat-dirfd", ("offender", "w=/x", "openat-dirfd", "/sys/kernel", "uevent_helper", "WRONLY"), False)
attack("openat2-create", ("offender", "w=/x", "openat2", HELPER, "WRONLY|CREAT|TRUNC"), True)
attack("openat2", ("offender", "w=/x", "openat2", HELPER, "WRONLY"), False)
attack("symlink-create", ("sh", "-c", "ln -sf /sys/kernel /tmp/k; echo /x > /tmp/k/uevent_helper"), True, shell=True)
attack("symlink", ("sh", "-c", "ln -sfn /sys/kernel /tmp/k; exec offender w=/x openat /tmp/k/uevent_helper WRONLY"), False)
attack("relative", ("sh", "-c", "cd /sys/kernel && exec offender w=/x openat uevent_helper WRONLY"), False)
attack("int80-open-create", ("offender", "w=/x", "open-int80", HELPER, "WRONLY|CREAT"), True, kernels=("host", "vm"))
attack("int80-open", ("offender", "w=/x", "open-int80", HELPER, "WRONLY"), False, kernels=("host", "vm"))
attack("int80-creat", ("offender", "w=/x", "creat-int80", HELPER), True, kernels=("host", "vm"))
attack("int80-openat-create", ("offender", "w=/x", "openat-int80", HELPER, "WRONLY|CREAT"), True, kernels=("host", "vm"))
attack("uring-create", ("offender", "w=/x", "open-uring", HELPER, "WRONLY|CREAT"), True)
attack("uring", ("offender", "w=/x", "open-uring", HELPER, "WRONLY"), False)
attack("uring2-create", ("offender", "w=/x", "open2-uring", HELPER, "WRONLY|CREAT"), True)
attack("disguised-create", ("runc", "disguise", "runc:[2:INIT]", "--", "w=/x", "openat", HELPER, "WRONLY|CREAT"), True)
attack("disguised", ("runc", "disguise", "runc:[2:INIT]", "--", "w=/x", "openat", HELPER, "WRONLY"), False)


@act("uevent_helper/descriptor-from-before", kernels=("uml", "vm"), own_agent=True)
def descriptor(t):
    """Opened before the agent started, written after."""
    container = t.container(privileged=True)
    gate = "/tmp/gate"
    want(container.run("&offender", "w=/x", "hold", HELPER, "WRONLY", gate), 0)
    want(container.run("offender", "wait-file", gate), 0)
    t.start_agent()
    since = time.time_ns()
    done = container.run("offender", "poke", gate)
    want(done, 0)
    t.expect(UEVENT, container, since, end=done.end, only=False)     # it is also found running, privileged
    with open(HELPER) as helper:
        if helper.read().strip() != "/x":
            raise Failure("the write was not done")


@act("uevent_helper/escape", kernels=("uml",), engines=("runc",))
def escape(t):
    """The real thing, 20 times: the kernel runs the container's program on the host."""
    worst = 0
    for turn in range(20):
        container = t.container(privileged=True)
        helper = os.path.join(container.bundle, "rootfs", "helper")
        stamp = helper + ".stamp"
        want(container.run("cp", "/bin/offender", "/helper"), 0)
        since = time.time_ns()
        written = container.run("sh", "-c", "echo %s > %s" % (helper, HELPER))
        want(written, 0)
        want(container.run("sh", "-c", "echo change > /sys/class/mem/null/uevent"), 0)
        limit = time.monotonic() + 10
        while not (os.path.exists(stamp) and os.path.getsize(stamp)):
            if time.monotonic() > limit:
                raise Failure("turn %d: the kernel did not run the helper" % turn)
            time.sleep(0.005)
        with open(HELPER, "w") as file:
            file.write("\n")
        with open(stamp) as file:
            executed = int(file.read().split()[0])
        if t.watched:
            alert = t.expect(UEVENT, container, since, only=False)       # its start may be told meanwhile
            event = event_time(alert) or 0
            if not event < executed:
                raise Failure("turn %d: event at %d, helper at %d, begun at %d" % (turn, event, executed, since))
            late = (alert["_arrived"] - written.end) / 1e6
            worst = max(worst, late)
            if late > 100:
                raise Failure("turn %d: the alert came %.0f ms after the write" % (turn, late))
        container.close()
    t.note("20 of 20, the alert at most %.0f ms after the write" % worst)


# ---- near misses ----
@act("uevent_helper/near-read", kernels=("uml", "vm"))
def near_read(t):
    container = t.shared(privileged=True)
    since = time.time_ns()
    want(container.run("cat", HELPER), 0)
    want(container.run("offender", "r", "openat2", HELPER, "RDONLY"), 0)
    want(container.run("ls", "-l", "/sys/kernel"), 0)
    t.silent(since, container)
    t.attack(container, ("sh", "-c", "echo /x > " + HELPER), UEVENT)


@act("uevent_helper/near-other-file")
def near_other(t):
    """Files of that name elsewhere, other files there, failed opens of other names."""
    container = t.shared(privileged=True)
    since = time.time_ns()
    want(container.run("sh", "-c", "echo x > /tmp/uevent_helper; cat /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/notes"
                       " > /dev/null 2>&1; ls /sys/kernel > /dev/null; : < /sys/kernel/nope"), (0, 1, 2))
    want(container.run("offender", "open", "/sys/kernel/nope", "RDONLY"), ENOENT)
    t.silent(since, container)
    t.control()


@act("uevent_helper/near-host", engines=None)
def near_host(t):
    """The host's own attempt, and its writes to other files of sysfs."""
    since = time.time_ns()
    before = ""
    if t.machine.uevent_exists():
        with open(HELPER) as file:
            before = file.read()
    subprocess.run(["sh", "-c", "echo %s > %s" % (before.strip(), HELPER)], stderr=subprocess.DEVNULL, check=False)
    subprocess.run(["sh", "-c", "f=/sys/class/net/lo/mtu; v=$(cat $f); echo $v > $f"], stderr=subprocess.DEVNULL, check=False)
    t.silent(since)
    t.engine = t.session.engines[0]
    t.control()
