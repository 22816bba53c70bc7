"""Who did it: the right container, whatever happens around it."""
import threading
import time

from harness import ENVIRON, IMAGE, PREFIX, PRIVILEGED, UEVENT, Failure, act, check, field, numbered, want

READ = ("offender", "r", "open", "/proc/1/environ", "RDONLY")


@act("attribution/only-command")
def only_command(t):
    """A container whose only command is the read: it is gone before anybody can look at it."""
    since = time.time_ns()
    once = t.engine.once("cat", "/proc/1/environ")
    want(once, 0)
    t.expect(ENVIRON, once, since, end=once.end)


@act("attribution/only-command-privileged")
def only_command_privileged(t):
    since = time.time_ns()
    once = t.engine.once("cat", "/proc/1/environ", privileged=True)
    want(once, 0)
    t.expect(ENVIRON, once, since, end=once.end, only=False)
    t.expect(PRIVILEGED, once, since, only=False)


@act("attribution/host-network")
def host_network(t):
    """It has the host's network namespace, so the host's sysfs superblock."""
    container = t.container(network="host")
    t.attack(container, READ, ENVIRON)


@act("attribution/host-network-uevent")
def host_network_uevent(t):
    container = t.container(network="host")
    t.attack(container, ("offender", "w=/x", "openat", "/sys/kernel/uevent_helper", "WRONLY"), UEVENT, status=(2, 30, 13))


@act("attribution/two-in-a-pod", kernels=("host", "vm"), engines=("podman",))
def two_in_a_pod(t):
    pod = PREFIX + "pod-%d" % numbered()
    infra = [] if t.machine.name == "vm" else ["--infra-image", IMAGE, "--network", "none"]
    check(["podman", "pod", "create", "--name", pod, *infra], t.machine.env)
    first = second = None
    try:
        first = t.container(pod=pod)
        second = t.container(pod=pod)
        t.attack(first, READ, ENVIRON)
        since = time.time_ns()
        t.attack(second, READ, ENVIRON)
        if t.alerts(since, first):
            raise Failure("the second one's act was told of the first")
    finally:
        for container in filter(None, (first, second)):
            container.close()
        check(["podman", "pod", "rm", "-f", "-t", "0", pod], t.machine.env)


@act("attribution/one-after-another")
def one_after_another(t):
    """Device numbers of procfs and sysfs are recycled at once."""
    for _ in range(2 if t.kernel == "vm" else 5):
        since = time.time_ns()
        once = t.engine.once("cat", "/proc/1/environ")
        want(once, 0)
        alert = t.expect(ENVIRON, once, since)
        strangers = [a for a in t.alerts(since) if field(a, "id") != field(alert, "id")] if alert else []
        if strangers:
            raise Failure("told of %s" % field(strangers[0], "id"))


@act("attribution/at-the-same-time")
def same_time(t):
    """Two containers at once, one of them innocent."""
    guilty, innocent = t.container(), t.container()
    since = time.time_ns()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            innocent.run("cat", "/proc/self/environ")
    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(3):
            t.attack(guilty, READ, ENVIRON)
    finally:
        stop.set()
        worker.join()
    if t.alerts(since, innocent):
        raise Failure("the innocent one was named")


@act("attribution/started-before-agent", own_agent=True)
def started_before(t):
    container = t.container()
    t.start_agent()
    t.attack(container, READ, ENVIRON)


@act("attribution/daemonized")
def daemonized(t):
    """An orphan of the container, re-parented to its pid 1."""
    container = t.shared()
    since = time.time_ns()
    want(container.run("sh", "-c", "(setsid offender then 200 r open /proc/1/environ RDONLY >/dev/null 2>&1 &)"), 0)
    t.expect(ENVIRON, container, since)
