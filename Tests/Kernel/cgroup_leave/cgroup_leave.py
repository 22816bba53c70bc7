"""Process Left Container Cgroup. No source of the kernel tells of a move: it is found at the next look."""
import time

from harness import LEFT, PRIVILEGED, Failure, More, act, want

# The host's cgroup hierarchies, in a place where no engine has its own view of them.
HOST_CGROUPS = More(volumes=(("/sys/fs/cgroup", "/hostcg"),))
# The shell that runs this moves itself (0 is the writer) to the root of each hierarchy.
LEAVE = ("if [ -e /hostcg/cgroup.procs ]; then set -- /hostcg/cgroup.procs; else set -- /hostcg/*/cgroup.procs; fi; "
         "for p; do echo 0 > $p || exit 9; done; ")
# Its own cgroup, in the hierarchy by which it would be frozen.
OWN = ("if [ -e /hostcg/cgroup.procs ]; then d=/hostcg`sed -n 's/^0:://p' /proc/self/cgroup`; "
       "else d=/hostcg/freezer`sed -n 's/^[0-9]*:freezer://p' /proc/self/cgroup`; fi; ")
FOUND = 10                               # s: looks are five seconds apart


def each(name):
    """ctr's containers get no volumes here. Where v2 is mounted with nsdelegate nobody leaves a cgroup namespace of its own, and
    raw runc is the engine that makes none."""
    def register(function):
        act(name, kernels=("host",), engines=("podman", "docker", "runc"))(function)
        return act(name, kernels=("uml", "vm"), engines=("runc",))(function)
    return register


def container_of(t):
    return t.shared(privileged=True, more=HOST_CGROUPS)


@each("cgroup_leave/exec")
def leave_and_execute(t):
    """The shell leaves; the next program it starts gives it away. Each process is told once."""
    container = container_of(t)
    since = time.time_ns()
    alert = t.attack(container, ("sh", "-c", LEAVE + "for i in 1 2 3 4 5; do offender sleep-ms 200; done"), LEFT)
    if alert is None:
        return
    if not str(alert["output_fields"].get("evt.arg.cgroups")).endswith("=/"):
        raise Failure("it went to %s" % alert["output_fields"].get("evt.arg.cgroups"))
    time.sleep(t.machine.settle)
    pids = [a["output_fields"]["proc.pid"] for a in t.alerts(since, container, rules=(LEFT,))]
    if len(pids) > 2 or len(set(pids)) != len(pids):
        raise Failure("told of processes %s" % pids)


@each("cgroup_leave/idle")
def leave_and_wait(t):
    """It does nothing more that anybody tells of: a look at all of them finds it."""
    container = container_of(t)
    since = time.time_ns()
    want(container.run("&sh", "-c", "mkfifo /tmp/gate$$; " + LEAVE + "read x <> /tmp/gate$$"), 0)
    t.expect(LEFT, container, since, patience=FOUND)


@each("cgroup_leave/near-below")
def near_below(t):
    """A cgroup of its own below the container's, as systemd and engines in containers make them."""
    container = container_of(t)
    since = time.time_ns()
    want(container.run("sh", "-c", OWN + "mkdir $d/na-sub && (echo 0 > $d/na-sub/cgroup.procs && offender sleep-ms 300); "
                       "s=$?; rmdir $d/na-sub; exit $s"), 0)
    t.silent(since, container)
    t.control()


@each("cgroup_leave/near-exec")
def near_exec(t):
    """The runtime's exec comes from outside and joins."""
    container = container_of(t)
    since = time.time_ns()
    for _ in range(3):
        if t.engine.exec(container, "offender", "sleep-ms", "50").returncode:
            raise Failure("exec")
    t.silent(since, container)
    t.control()


@each("cgroup_leave/near-dying")
def near_dying(t):
    """v1 shows the root for every process that is ending."""
    container = container_of(t)
    since = time.time_ns()
    count = 30 if t.kernel == "vm" else 200
    want(container.run("sh", "-c", "i=0; while [ $i -lt %d ]; do offender sleep-ms 0; i=$((i+1)); done" % count), 0)
    want(t.engine.once("true", privileged=True), 0)
    t.silent(since, allowed=(PRIVILEGED,))
    t.control()
