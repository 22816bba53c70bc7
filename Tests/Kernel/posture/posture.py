"""What a container may do, as `inventory` and `posture` tell it: verdicts, their reasons, findings, the allowlist."""
import json
import os

from harness import IMAGE, Failure, More, act


def inventory(t):
    done = t.nodeagent("inventory", "--output", "json")
    if done.returncode:
        raise Failure("inventory: %d %s" % (done.returncode, done.stderr))
    return json.loads(done.stdout)


def posture(t, *words, status=0):
    done = t.nodeagent("posture", "--output", "json", *words)
    if done.returncode != status:
        raise Failure("posture: %d, not %d: %s" % (done.returncode, status, done.stderr))
    return json.loads(done.stdout)


def listed(t, container):
    found = [c for c in inventory(t) if c["id"] == container.id]
    if len(found) != 1:
        raise Failure("%s is listed %d times" % (container.name, len(found)))
    return found[0]


def verdict(t, container, wanted, *reasons):
    """By the agent that runs and, read anew, by posture; the findings of the container by check."""
    own = [c for c in posture(t)["containers"] if name_of(c["container"]) == container.name or c["container"]["id"] == container.id]
    if len(own) != 1:
        raise Failure("posture has %s %d times" % (container.name, len(own)))
    told = [("posture", own[0]["container"])] + ([("inventory", listed(t, container))] if t.watched else [])
    for source, found in told:
        if found["verdict"] != wanted:
            raise Failure("%s: %s, not %s: %s" % (source, found["verdict"], wanted, found["reasons"]))
        for reason in reasons:
            if not any(reason in text for text in found["reasons"]):
                raise Failure("%s: no reason '%s' in %s" % (source, reason, found["reasons"]))
    return {f["check"]: f for f in own[0]["findings"]}


def name_of(listing):
    return listing["name"] or listing["id"]


def broken(findings, *checks):
    for check in checks:
        if findings[check]["status"] not in ("FAIL", "WARN"):
            raise Failure("%s: %s %s" % (check, findings[check]["status"], findings[check]["detail"]))


def passed(findings, *checks):
    for check in checks:
        if findings[check]["status"] != "PASS":
            raise Failure("%s: %s %s" % (check, findings[check]["status"], findings[check]["detail"]))


@act("posture/ordinary")
def ordinary(t):
    """What an engine gives without being asked: no finding of weight."""
    container = t.shared()
    findings = verdict(t, container, "restricted")
    passed(findings, "privileged", "privileged-equivalent", "exec-privileged", "declaration-differs", "host-pid",
           "host-network", "masked-paths", "runtime-socket", "sensitive-mounts", "host-credentials", "host-devices",
           "capabilities", "pod-security")
    loud = [f["check"] for f in findings.values() if f["status"] == "FAIL"]
    if loud:
        raise Failure("FAIL: " + ", ".join(loud))
    if t.watched and listed(t, container)["pod_security"] != "baseline":
        raise Failure("pod security %s" % listed(t, container)["pod_security"])


@act("posture/whose")
def whose(t):
    """Which container is this process of, this cgroup, this pid namespace?"""
    container = t.shared()
    own = listed(t, container) if t.watched else None
    if own is None:
        return
    asked = [("--pid", own["pid"]), ("--cgroup-id", own["cgroup_id"]), ("--pid-namespace", own["pid_namespace"])]
    for option, value in asked:
        done = t.nodeagent("inventory", "--output", "json", option, str(value))
        found = json.loads(done.stdout) if not done.returncode else []
        if [c["id"] for c in found] != [container.id]:
            raise Failure("%s %s: %s %s" % (option, value, [c["id"] for c in found], done.stderr))
    done = t.nodeagent("inventory", "--pid", str(os.getpid()))
    if done.returncode != 1 or "no container" not in done.stderr:
        raise Failure("--pid of the host: %d %s%s" % (done.returncode, done.stdout, done.stderr))


@act("posture/privileged")
def privileged(t):
    container = t.shared(privileged=True)
    findings = verdict(t, container, "privileged")
    broken(findings, "privileged", "masked-paths", "capabilities", "pod-security")
    passed(findings, "declaration-differs", "exec-privileged", "host-pid")


@act("posture/host-namespaces", engines=("podman", "docker", "runc"))
def namespaces(t):
    """The host's processes and network: findings, and no way out by themselves."""
    container = t.container(pid="host", network="host")
    findings = verdict(t, container, "restricted")
    broken(findings, "host-pid", "host-network", "pod-security")
    passed(findings, "host-ipc", "privileged", "privileged-equivalent")


@act("posture/host-directory", kernels=("host", "vm"), engines=("podman", "docker", "runc"))
def directory(t):
    """A directory of the system, writable, is enough to leave; one of no consequence is not."""
    harmless = os.path.join(t.machine.work, "harmless")
    os.makedirs(harmless, exist_ok=True)
    container = t.container(more=More(volumes=[("/etc", "/host-etc"), (harmless, "/data")]))
    findings = verdict(t, container, "privileged-equivalent", "/etc of the host, writable")
    broken(findings, "sensitive-mounts", "privileged-equivalent")
    passed(findings, "runtime-socket", "host-credentials")
    container = t.container(more=More(volumes=[(harmless, "/data")]))
    passed(verdict(t, container, "restricted"), "sensitive-mounts", "privileged-equivalent")


@act("posture/host-disk", engines=("podman", "docker"))
def disk(t):
    """A block device is a finding; whether the host has it mounted decides the verdict."""
    device = t.machine.block()[0]
    container = t.container(devices=(device,))
    findings = verdict(t, container, "privileged-equivalent" if t.kernel == "vm" else "restricted")
    broken(findings, "host-devices")


@act("posture/exec-privileged", engines=("podman", "docker"))
def exec_privileged(t):
    """A process with more rights than its container is told by itself; one that was started as usual is not."""
    container = t.shared()
    try:
        done = t.engine.exec(container, "sh", "-c", "sleep 300 > /dev/null 2>&1 &")
        if done.returncode:
            raise Failure("exec: %s" % done.stdout)
        passed(verdict(t, container, "restricted"), "exec-privileged")
        done = t.engine.exec(container, "sh", "-c", "sleep 301 > /dev/null 2>&1 &", options=("--privileged",))
        if done.returncode:
            raise Failure("exec --privileged: %s" % done.stdout)
        findings = verdict(t, container, "restricted")
        broken(findings, "exec-privileged")
        if "sleep" not in findings["exec-privileged"]["detail"]:
            raise Failure(findings["exec-privileged"]["detail"])
        if t.watched:
            processes = listed(t, container)["processes"]
            if [(p["comm"], p["verdict"]) for p in processes] != [("sleep", "privileged")]:
                raise Failure("processes: %s" % processes)
    finally:
        t.engine.exec(container, "killall", "sleep")


@act("posture/allowlist", engines=("podman", "docker", "runc"))
def allowlist(t):
    """An entry lets a finding be; when its day is over it does not, and is one itself."""
    container = t.shared(privileged=True)
    image = IMAGE.split(":")[0] if container.image else None
    path = os.path.join(t.machine.work, "allowlist.yaml")

    def write(expires, name):
        with open(path, "w") as out:
            out.write("version: 1\nallow:\n  - image: %s\n    checks: [privileged]\n    reason: a test\n    expires: %s\n" % (name, expires))

    def status():
        report = posture(t, "--allowlist", path)
        own = next(c for c in report["containers"] if name_of(c["container"]) == container.name or c["container"]["id"] == container.id)
        host = {f["check"]: f for f in report["findings"]}
        return next(f for f in own["findings"] if f["check"] == "privileged")["status"], host["allowlist-expired"]["status"]

    if image:
        # docker leaves "localhost/" and ":latest" as the user gave them
        known = next(c for c in posture(t)["containers"] if name_of(c["container"]) == container.name)["container"]["image"]
        image = known.rsplit(":", 1)[0] if ":" in known.rsplit("/", 1)[-1] else known
        write("2099-01-01", image)
        if status() != ("INFO", "PASS"):
            raise Failure("allowed: %s %s" % status())
        write("2020-01-01", image)
        if status() != ("FAIL", "WARN"):
            raise Failure("expired: %s %s" % status())
    write("2099-01-01", "registry.example/another")
    if status() != ("FAIL", "PASS"):
        raise Failure("another image: %s %s" % status())
    posture(t, "--allowlist", path, "--fail-on", "critical", status=5)


@act("posture/engines-at-once", engines=None)
def at_once(t):
    """Every engine of the machine at the same time: each container once, with its own verdict."""
    made = []
    for engine in t.session.engines:
        engine.start()
        t.engine = engine
        made += [(t.shared(), "restricted", engine), (t.shared(privileged=True), "privileged", engine)]
    if len(made) < 2:
        raise Failure("no engine")
    found = inventory(t)
    ids = [c["id"] for c in found]
    if len(set(ids)) != len(ids):
        raise Failure("listed twice: %s" % sorted(i for i in ids if ids.count(i) > 1))
    for container, wanted, engine in made:
        own = [c for c in found if c["id"] == container.id]
        if len(own) != 1:
            raise Failure("%s %s: listed %d times" % (engine.name, container.name, len(own)))
        told = (own[0]["verdict"], own[0]["privileged"], own[0]["runtime"])
        if told != (wanted, wanted == "privileged", engine.runtime_name):
            raise Failure("%s %s: %s" % (engine.name, container.name, told))
        if container.image and not own[0]["image"]:
            raise Failure("%s %s: no image" % (engine.name, container.name))
    t.note("%d containers of %s" % (len(made), ", ".join(e.name for e in t.session.engines)))
    t.engine = t.session.engines[0]
