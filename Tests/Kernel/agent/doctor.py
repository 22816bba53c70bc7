"""What `nodeagent doctor` finds: beside an agent, without one, with what a stranger did to audit."""
import json
import os
import signal
import subprocess
import time

from auditing import audit, auditctl, setting
from harness import Failure, act

STATES = ("PASS", "WARN", "FAIL", "INFO")


def doctor(t, *words):
    """The checks by id. Status 5 when something is wrong, else 0; audit is the same before and after."""
    before = audit(t)
    done = t.nodeagent("doctor", "--config", t.session.agent.config, "--output", "json", *words)
    if done.returncode not in (0, 5):
        raise Failure("doctor: %d %s" % (done.returncode, done.stderr))
    after = audit(t)
    if after != before:
        raise Failure("audit was %s and is %s" % (before, after))
    checks = {check["id"]: check for check in json.loads(done.stdout)}
    wrong = [check["id"] for check in checks.values() if check["state"] in ("WARN", "FAIL")]
    if done.returncode != (5 if wrong else 0):
        raise Failure("doctor: %d with %s" % (done.returncode, wrong))
    for check in checks.values():
        if check["state"] not in STATES or bool(check["remedy"]) != (check["id"] in wrong):
            raise Failure("%s" % check)
    return checks


def stands(checks, name, state, *texts):
    check = checks.get(name)
    if check is None:
        raise Failure("there is no check %s" % name)
    if check["state"] != state:
        raise Failure("%s: %s, not %s: %s" % (name, check["state"], state, check["finding"]))
    for text in texts:
        if text not in check["finding"] + " " + (check["remedy"] or ""):
            raise Failure("%s: no '%s' in %s" % (name, text, check))


@act("agent/doctor", engines=("podman", "runc"), own_agent=True)
def beside_an_agent(t):
    """With a container: what the agent has is found in the kernel, and no container is without marks."""
    if not t.watched:
        return
    t.start_agent()
    pid = t.session.agent.child.pid
    t.container()
    limit = time.monotonic() + 10 * t.machine.factor
    while True:
        checks = doctor(t)
        settled = all(checks[name]["state"] == "PASS" for name in ("containers", "containers-marked"))
        if settled and not checks["containers"]["finding"].startswith("0 ") or time.monotonic() > limit:
            break
        time.sleep(0.5)
    stands(checks, "agent", "PASS", "pid %d" % pid)
    stands(checks, "agent-lock", "PASS", "pid %d" % pid)
    stands(checks, "audit", "PASS", "on")
    stands(checks, "audit-daemon", "PASS", "the agent, pid %d" % pid)
    stands(checks, "audit-rules", "PASS", "none is missing")
    stands(checks, "audit-task-never", "PASS")
    stands(checks, "containers", "PASS")
    stands(checks, "containers-marked", "PASS", "none without marks")
    if checks["containers-marked"]["finding"].startswith("0 "):
        raise Failure("the agent knows no container")
    stands(checks, "losses", "PASS")
    stands(checks, "connector", "WARN" if t.kernel == "uml" else "PASS")
    if t.kernel != "uml":
        stands(checks, "seccomp", "PASS", "the agent has its filter")
    for name in ("configuration", "rules", "fanotify", "openat2", "right-sys-admin", "runtimes"):
        stands(checks, name, "PASS")
    table = t.nodeagent("doctor", "--config", t.session.agent.config)
    last = table.stdout.splitlines()[-2:]
    counts = [sum(check["state"] == state for check in checks.values()) for state in ("PASS", "WARN", "FAIL")]
    if last[0] or [int(word) for word in last[1].split() if word.isdigit()] != counts:
        raise Failure("the totals: %s, not %s" % (last, counts))
    # another program deletes some of ours, and the agent cannot put them back just now
    t.session.agent.child.send_signal(signal.SIGSTOP)
    try:
        auditctl(t, "-D", "-k", "nodeagent-node")
        stands(doctor(t), "audit-rules", "WARN", "missing: nodeagent-node", "restart")
    finally:
        t.session.agent.child.send_signal(signal.SIGCONT)
    t.session.agent.stop(2.0 * t.machine.factor)


@act("agent/doctor-alone", engines=None, own_agent=True)
def alone(t):
    """No agent, and audit is off: told with what switches it on; nothing is switched on by looking."""
    if not t.watched:
        return
    was = setting(t, "enabled")
    auditctl(t, "-e", "0")
    try:
        checks = doctor(t)
        stands(checks, "agent", "INFO", "no agent runs")
        stands(checks, "agent-lock", "PASS", "free")
        stands(checks, "audit", "WARN", "off", "audit=1")
        stands(checks, "audit-rules", "PASS")
        stands(checks, "audit-tasks", "WARN", "audit=1")
        if "losses" in checks or "containers-marked" in checks:
            raise Failure("what only an agent knows is told without one")
        lost = t.nodeagent("doctor", "--config", "/nonexistent.yaml", "--output", "json")
        found = {check["id"]: check for check in json.loads(lost.stdout)}
        stands(found, "configuration", "FAIL", "/nonexistent.yaml")
    finally:
        auditctl(t, "-e", was)


@act("agent/doctor-task-never", engines=None, own_agent=True)
def task_never(t):
    """A stranger's rule by which audit does not see what is forked; without it, nothing is told."""
    if not t.watched:
        return
    if any("never,task" in line for line in auditctl(t, "-l").splitlines()):
        raise Failure("the machine has such a rule of its own")
    stands(doctor(t), "audit-task-never", "PASS")
    auditctl(t, "-a", "never,task")
    try:
        stands(doctor(t), "audit-task-never", "WARN", "1 rule 'task,never'", "auditctl -d task,never")
    finally:
        auditctl(t, "-d", "never,task")
    stands(doctor(t), "audit-task-never", "PASS")


@act("agent/doctor-panic", kernels=("uml", "vm"), engines=None, own_agent=True)
def panic(t):
    """Failure mode 2: a lost record would stop the machine, so this is not for one that others use."""
    if not t.watched:
        return
    was = {name: setting(t, name) for name in ("enabled", "failure")}
    auditctl(t, "-e", "0")
    try:
        auditctl(t, "-f", "2")
        checks = doctor(t)
    finally:
        auditctl(t, "-f", was["failure"])
        auditctl(t, "-e", was["enabled"])
    stands(checks, "audit-failure-mode", "FAIL", "panics", "auditctl -f 1")


@act("agent/doctor-hung-agent", engines=None, own_agent=True)
def hung(t):
    """An agent that does not answer: said so, in bounded time."""
    if not t.watched:
        return
    t.start_agent()
    pid = t.session.agent.child.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        checks = doctor(t)
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    stands(checks, "agent", "FAIL", "does not answer")
    stands(checks, "agent-lock", "WARN", "pid %d" % pid)
    if took > 40 * t.machine.factor:
        raise Failure("it took %.0f s" % took)
    t.note("answered after %.1f s" % took)
    t.session.agent.stop(2.0 * t.machine.factor)
