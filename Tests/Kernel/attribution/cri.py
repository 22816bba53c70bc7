"""Pods by containerd's CRI: what is told of them is what the kubelet knows them by, and the sandbox is no workload."""
import json
import os
import time

from harness import ENVIRON, IMAGE, NOTICE, PRIVILEGED, Failure, act


def of_a_pod(name, own_agent=False, kernels=("host", "vm")):
    return act("attribution/cri-" + name, kernels=kernels, engines=("cri",), own_agent=own_agent)


@of_a_pod("inventory")
def inventory(t):
    """By the running agent, and read anew: of a pod a container and a sandbox, and which is which."""
    containers = {"plain": t.shared(), "privileged": t.shared(privileged=True)}
    if not t.watched:
        return
    for words in ((), ("--runtime-directory", os.path.join(t.machine.work, "no-agent"))):
        done = t.nodeagent("inventory", "--output", "json", *words)
        if done.returncode:
            raise Failure("inventory: %d %s" % (done.returncode, done.stderr))
        rows = json.loads(done.stdout)
        for kind, container in containers.items():
            wanted = {"id": container.id, "name": container.name, "image": IMAGE, "runtime": t.engine.runtime_name,
                      "pod": container.pod, "namespace": container.namespace, "privileged": kind == "privileged",
                      "parent": None, "sandbox": False}
            pause = dict(wanted, id=container.sandbox.id, name=None, image=None, privileged=False, sandbox=True)
            found = sorted((row for row in rows if row["pod"] == container.pod), key=lambda row: row["sandbox"])
            if [{key: row[key] for key in wanted} for row in found] != [wanted, pause]:
                raise Failure("inventory %s: %s, wanted %s" % (" ".join(words), found or rows, [wanted, pause]))
            for row in found:
                with open("/proc/%d/cgroup" % row["pid"]) as cgroups:
                    if row["id"] not in cgroups.read():
                        raise Failure("inventory: pid %d is not one of %s" % (row["pid"], row["id"]))


@of_a_pod("privileged")
def privileged(t):
    """Told of the container, and of the sandbox that may hold such a one nothing."""
    since = time.time_ns()
    container = t.container(privileged=True)
    t.expect(PRIVILEGED, container, since)
    t.silent(since, container.sandbox)


@of_a_pod("environ")
def environ(t):
    """An unprivileged pod starts in silence; then what its container does is told."""
    since = time.time_ns()
    container = t.container()
    t.silent(since)
    t.attack(container, ("cat", "/proc/1/environ"), ENVIRON)


@of_a_pod("exec")
def by_exec(t):
    """By ExecSync, as the kubelet's probes come in. It lives until its event is read: nothing about it is luck."""
    container = t.shared()
    command = ("sh", "-c", "read -r line < /proc/1/environ; sleep 0.5; exit 0")
    since = time.time_ns()
    done = t.engine.exec(container, *command)
    if done.returncode:
        raise Failure("exec: %d %s" % (done.returncode, done.stdout[-200:]))
    alert = t.expect(ENVIRON, container, since)
    if alert:
        said = [alert["output_fields"].get(key) for key in ("attribution.certainty", "proc.cmdline")]
        if said != ["certain", " ".join(command)]:
            raise Failure("attributed %s: %s" % (said, alert["output"]))


SANDBOX = "Sandbox Started"
RULES = """- rule: %s
  desc: A pod's sandbox started, or was found running.
  condition: evt.type = container and container.is_sandbox = true
  output: Sandbox started (id=%%container.id)
  priority: NOTICE
  tags: [T1611]
"""


@of_a_pod("disguised-after", kernels=("host",))
def disguised_after(t):
    """Who opens the file and is something harmless in the next moment is told as what he was: busybox' shell runs its last
    command in its own process, with that one's words written over its arguments. Its start has to be read before that, which
    takes a machine that is not emulated."""
    container = t.shared()
    command = ("sh", "-c", "read -r line < /proc/1/environ; sleep 0.5")
    told = []
    for _ in range(5):
        since = time.time_ns()
        done = t.engine.exec(container, *command)
        if done.returncode:
            raise Failure("exec: %d %s" % (done.returncode, done.stdout[-200:]))
        alert = t.expect(ENVIRON, container, since)
        told.append((alert or {}).get("output_fields", {}).get("proc.cmdline"))
    right = told.count(" ".join(command))
    t.note("%d of 5" % right)
    if t.watched and right < 3:
        raise Failure("told as %s" % told)


@of_a_pod("sandbox", own_agent=True)
def sandbox(t):
    """What a rule can ask: of a pod that starts, or is found running, the sandbox is one and the container is not."""
    before = t.container()
    if not t.watched:
        return
    rules, config = (os.path.join(t.machine.work, "sandbox" + suffix) for suffix in ("-rules.yaml", ".yaml"))
    with open(rules, "w") as out:
        out.write(RULES % SANDBOX)
    with open(config, "w") as out:
        out.write("version: 1\nrules_files:\n  - %s\n" % rules)
    since = before.began
    t.start_agent(config)
    try:
        for container in (before, t.container()):
            t.expect(SANDBOX, container.sandbox, since, priority=NOTICE, only=False)
            time.sleep(t.machine.settle)
            if t.alerts(since, container, (SANDBOX,)):
                raise Failure("%s itself is taken for a sandbox" % container.name)
    finally:
        if t.session.agent.alive():
            t.session.agent.stop(1.0 * t.machine.factor)
