"""Others who change audit while the agent runs, and the canary that tells silence from blindness."""
import os
import socket
import struct
import subprocess
import time

from auditing import AUDITD_CONF, audit, auditctl, configured, setting, told, until
from harness import UEVENT, Failure, act

DELETED, OFF, ON, LOCKED = "Audit rules deleted", "Audit switched off", "Audit switched on", "Audit locked"
YIELDED, AGAIN, HIDES = "Audit daemon gave way", "Audit daemon again", "Audit rule hides processes"
BLIND, SEES = "Source is blind", "Source sees again"


QUICK = ("interval_seconds: 60", "interval_seconds: 1")


def rules(t):
    """In no order; those of io_uring without their names, which auditctl makes up from the rule before."""
    return sorted(line.split(" -F ", 1)[1] if "(null)" in line else line for line in audit(t)[1])


def sees(t, container):
    since = time.time_ns()
    container.run("offender", "w=/x", "s=60", "openat", "/sys/kernel/uevent_helper", "WRONLY|CREAT")
    t.expect(UEVENT, container, since, only=False)


@act("agent/rules-deleted", engines=("runc",), own_agent=True)
def rules_deleted(t):
    """auditctl -D: the rules are back within a second, it is told once and by whom, and the agent sees what it saw."""
    before = audit(t)
    t.start_agent()
    held = rules(t)
    container = t.container(privileged=True)
    auditctl(t, "-D")
    if not until(t, 2, lambda: rules(t) == held):
        raise Failure("of %d rules %d are back" % (len(held), len(rules(t))))
    text = told(t, DELETED)[0]["output"]
    if "auditctl" not in text:
        raise Failure("it does not say by whom: " + text)
    sees(t, container)
    time.sleep(1.5)
    if len(told(t, DELETED)) != 1:
        raise Failure("told %d times" % len(told(t, DELETED)))
    # one of them alone
    rule = next(line for line in held if "nodeagent-node" in line)
    auditctl(t, *rule.replace("-a ", "-d ", 1).split())
    if not until(t, 3, lambda: rules(t) == held):
        raise Failure("the one that was deleted is not back: %s" % rule)
    t.session.agent.stop()
    if audit(t) != before:
        raise Failure("audit was %s and is %s" % (before, audit(t)))


@act("agent/task-never", engines=None, own_agent=True)
def task_never(t):
    """A rule of another's that makes processes invisible is told, left alone, and gone is not told again."""
    t.start_agent()
    auditctl(t, "-a", "task,never")
    try:
        told(t, HIDES)
        if "task" not in auditctl(t, "-l"):
            raise Failure("the other's rule was taken out")
    finally:
        auditctl(t, "-d", "task,never")
    t.session.agent.stop()


@act("agent/audit-switched-off", engines=("runc",), own_agent=True)
def switched_off(t):
    """auditctl -e 0 is told with its author; it stays off, and what was switched stays when the agent ends. Where configured it is
    switched on again."""
    enabled = setting(t, "enabled")
    try:
        t.start_agent()
        auditctl(t, "-e", "0")
        if "auditctl" not in told(t, OFF)[0]["output"]:
            raise Failure("it does not say by whom: %s" % told(t, OFF)[0]["output"])
        time.sleep(1.5)
        if setting(t, "enabled") != "0":
            raise Failure("it was switched on, which is not configured")
        auditctl(t, "-e", "1")
        told(t, ON)
        container = t.container(privileged=True)
        sees(t, container)
        t.session.agent.stop()
        if setting(t, "enabled") != "1":
            raise Failure("what another program switched on is off")
        t.start_agent(configured(t, restore=("restore_enabled: false", "restore_enabled: true")))
        auditctl(t, "-e", "0")
        told(t, OFF, "it is on again")
        if not until(t, 3, lambda: setting(t, "enabled") == "1"):
            raise Failure("it is not on again")
        sees(t, container)
        t.session.agent.stop()
    finally:
        auditctl(t, "-e", enabled)


@act("agent/auditd-comes-and-goes", kernels=("host", "vm"), engines=("runc",), own_agent=True)
def auditd_comes(t):
    """auditd is started while the agent is the audit daemon: the agent gives way, sees beside it what it saw, and is the daemon
    again once auditd has ended. The kernel refuses auditd's first try, as a service manager's second one shows."""
    directory = os.path.join(t.machine.work, "auditd")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "auditd.conf"), "w") as conf:
        conf.write(AUDITD_CONF % directory)
    os.chmod(os.path.join(directory, "auditd.conf"), 0o640)
    before = audit(t)
    t.start_agent()
    agent = t.session.agent
    if setting(t, "pid") != str(agent.child.pid):
        raise Failure("the agent is not the audit daemon")
    container = t.container(privileged=True)
    daemon, tries = None, 0
    try:
        while tries < 5:
            tries += 1
            daemon = subprocess.Popen(["auditd", "-n", "-s", "nochange", "-c", directory], env=t.machine.env,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if until(t, 1, lambda: setting(t, "pid") == str(daemon.pid) or daemon.poll() is not None) and daemon.poll() is None:
                break
            daemon.wait(10)
            time.sleep(0.1)              # systemd's RestartSec
        else:
            raise Failure("auditd did not get the place in %d tries" % tries)
        t.note("auditd had the place at its try number %d" % tries)
        if tries > 3:
            raise Failure("auditd needed %d tries" % tries)
        told(t, YIELDED, "auditd")
        for _ in range(3):
            sees(t, container)
        daemon.terminate()
        daemon.wait(20)
        daemon = None
        if not until(t, 15, lambda: setting(t, "pid") == str(agent.child.pid)):
            raise Failure("the agent did not become the audit daemon again: %s" % auditctl(t, "-s"))
        told(t, AGAIN)
        for _ in range(3):
            sees(t, container)
        agent.stop()
        if audit(t) != before:
            raise Failure("audit was %s and is %s" % (before, audit(t)))
    finally:
        if daemon and daemon.poll() is None:
            daemon.terminate()
            daemon.wait(20)
        for line in before[0]:
            if line.startswith("enabled ") and line not in audit(t)[0]:
                auditctl(t, "-e", line.split()[1])


@act("agent/canary", engines=None, own_agent=True)
def canary(t):
    """Each source tells of the canary; a rule of another's that hides it is told as blindness, and its end as well. No alert of a rule
    is ever told of it."""
    t.start_agent(configured(t, quick=QUICK))
    time.sleep(4 * t.machine.factor ** 0.5)
    agent = t.session.agent
    if agent.alerts:
        raise Failure("told while everything sees: %s" % [a.get("output") for a in agent.alerts])
    hide = ["exit,never", "-F", "arch=b64", "-S", "mknodat"]
    auditctl(t, "-A", *hide)
    try:
        told(t, BLIND, "audit", seconds=15)
    finally:
        auditctl(t, "-d", *hide)
    told(t, SEES, "audit", seconds=8)
    others = [a.get("output") for a in agent.alerts if a.get("rule") not in (BLIND, SEES)]
    if others or len(told(t, BLIND)) != 1:
        raise Failure("told: %s" % [a.get("output") for a in agent.alerts])
    agent.stop()


def goodbye():
    """PROC_CN_MCAST_IGNORE of one who never listened."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 11) as other:
        other.bind((0, 0))
        other.send(struct.pack("=IHHII", 40, 3, 0, 0, 0) + struct.pack("=IIIIHHI", 1, 1, 0, 0, 4, 0, 2))


@act("agent/connector-silenced", kernels=("vm",), engines=None, own_agent=True)
def connector_silenced(t):
    """Before 6.6 one who says goodbye to the process connector without having listened silences it for all: the canary that nobody
    told of has it mended."""
    t.start_agent(configured(t, quick=QUICK))
    # One who hears without having asked to: the kernel's count is not known, each agent that crashed has left its own in it.
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 11) as ear:
        ear.bind((0, 1))
        ear.settimeout(2)

        def hears():
            subprocess.run(["true"], check=False)
            try:
                return bool(ear.recv(4096))
            except socket.timeout:
                return False
            except OSError:                  # more than the ear could hold
                return True

        for _ in range(200):
            goodbye()
            ear.setblocking(False)
            try:
                while ear.recv(4096):
                    pass
            except OSError:
                pass
            ear.settimeout(2)
            if not hears():
                break
        else:
            raise Failure("this kernel's connector cannot be silenced")
        if not until(t, 3, hears):
            raise Failure("the connector stays silent")
    t.session.agent.stop()


@act("agent/locked", kernels=("uml",), engines=("runc",), own_agent=True, last=True)
def locked(t):
    """auditctl -e 2 is told; the agent goes on seeing, ends, and a new one starts and listens. Nothing can follow on this kernel."""
    t.start_agent()
    container = t.container(privileged=True)
    auditctl(t, "-e", "2")
    told(t, LOCKED)
    sees(t, container)
    t.session.agent.stop()
    t.start_agent()
    sees(t, container)
    t.session.agent.stop()
