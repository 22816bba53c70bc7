"""Who did it: the right container, whatever happens around it."""
import os
import subprocess
import threading
import time

from harness import (ENVIRON, ENVIRON_OUTSIDE, IMAGE, PREFIX, PRIVILEGED, REPEATS, UEVENT, Failure, act, check, field, numbered, times,
                     want)

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


@act("attribution/short-lived", kernels=("host", "vm"), engines=("podman",))
def short_lived(t):
    """Processes that live for a few milliseconds, many at a time, in many containers (two in a pod, some with the host's network):
    half of them forked inside, by fork, vfork and clone3 into the cgroup, half brought in by the runtime's exec. With
    NODEAGENT_TEST_EACH=50 on this machine 2,000 of them, in a minute."""
    count, each = (20, int(os.environ.get("NODEAGENT_TEST_EACH", "10"))) if t.kernel == "host" else (4, 6)
    pod = PREFIX + "pod-%d" % numbered()
    infra = [] if t.kernel == "vm" else ["--infra-image", IMAGE, "--network", "none"]
    check(["podman", "pod", "create", "--name", pod, *infra], t.machine.env)
    containers = []
    try:
        containers += [t.container(pod=pod) for _ in range(2)]
        containers += [t.container(network="host" if n % 4 == 0 else "none") for n in range(count - 2)]
        time.sleep(t.machine.settle)
        since = time.time_ns()
        longest = [0]

        def inside(container):
            done = container.run("offender", "burst", "%d" % each, container.name, timeout=60)
            want(done, 0)
            longest[0] = max(longest[0], int(done.output.split()[1]))

        def joining(container):
            for _ in range(each):
                done = runtime_exec(t, container, "offender", "r", "open", "/proc/1/environ", "RDONLY", container.name)
                if done.returncode:
                    raise Failure("exec: %d %s" % (done.returncode, done.stdout.decode("utf-8", "replace")))
        errors = []
        for work in (inside, joining):
            waiting = list(containers)

            def drain():
                try:
                    while waiting:
                        work(waiting.pop())
                except (Failure, IndexError) as error:
                    if isinstance(error, Failure):
                        errors.append(error)
            workers = [threading.Thread(target=drain) for _ in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            if errors:
                raise errors[0]
        if not t.watched:
            return
        wanted = count * each * 2
        limit = time.monotonic() + t.machine.alert_wait
        while times(t.alerts(since, rules=(ENVIRON,))) < wanted and time.monotonic() < limit + REPEATS:
            time.sleep(0.1)
        # a pid is used once in this time, and what is held back of a container's acts is in its counts
        every = {(a["output_fields"]["proc.pid"], a["output_fields"].get("alert.repeats")): a
                 for a in t.alerts(since, rules=(ENVIRON, ENVIRON_OUTSIDE))}.values()
        names = {container.id[:12]: container.name for container in containers}
        wrong = [a for a in every if names.get(str(field(a, "id"))[:12]) is None or marked(a) not in (None, names[str(field(a, "id"))[:12]])]
        for container in containers:
            own = [a for a in every if str(field(a, "id"))[:12] == container.id[:12]]
            if times(own) > 2 * each:
                wrong += own[-1:]
        if wrong:
            raise Failure("%d told of the wrong container, one: %s" % (len(wrong), wrong[0]["output"]))
        told = times(every)
        certain = times(a for a in every if a["output_fields"].get("attribution.certainty") == "certain")
        unnamed = sum(field(a, "name") is None or field(a, "image") is None for a in every)
        t.note("%d of %d attributed (%d certain) in %d alerts, the longest lived %d ms" % (told, wanted, certain, len(every), longest[0]))
        if told < wanted * 0.999 or unnamed:
            raise Failure("%d of %d acts were told, %d without a name or an image" % (told, wanted, unnamed))
    finally:
        for container in containers:
            container.close()
        subprocess.run(["podman", "pod", "rm", "-f", "-t", "0", pod], env=t.machine.env, stdout=subprocess.DEVNULL, check=False)


def runtime_exec(t, container, *command):
    """By the runtime itself, as the engine does it: podman's own exec takes five times as long."""
    runtime = ["runc"] if t.kernel == "host" else ["crun"]
    return subprocess.run([*runtime, "exec", container.id, *command], env=t.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60 * t.machine.factor, check=False)


def marked(alert):
    """The container that the process itself named in its command line, where that could be read."""
    words = str(alert["output_fields"].get("proc.cmdline") or "").split(" ")
    return words[-1] if words[-1].startswith(PREFIX) else None
