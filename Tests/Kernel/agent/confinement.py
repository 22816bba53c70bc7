"""What the agent's own processes may ask of the kernel."""
import errno
import os
import subprocess
import time

from harness import Failure, act

ACCT, BPF, CLONE, EXECVE, GETPID, SOCKET, MOUNT = 163, 321, 56, 59, 39, 41, 165


def inject(t, pid, number, *arguments):
    """The result of a system call that the process' first thread is made to do; the text `killed N` when it ended the process."""
    done = subprocess.run([os.path.join(t.machine.rootfs, "bin", "offender"), "inject", *map(str, (pid, number, *arguments))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode().strip()
    if done.returncode != 0:
        raise Failure("inject: %s" % text)
    return text if text.startswith("killed") else int(text)


def status(pid, key):
    with open("/proc/%d/status" % pid) as text:
        return next(line.split()[1] for line in text if line.startswith(key + ":"))


def child(agent, command):
    """The agent's child of that name."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        with open("/proc/%d/task/%d/children" % (agent.child.pid, agent.child.pid)) as listed:
            for word in listed.read().split():
                try:
                    with open("/proc/%s/cmdline" % word, "rb") as line:
                        if command.encode() in line.read().split(b"\0")[:2]:
                            return int(word)
                except OSError:
                    pass
        time.sleep(0.05)
    raise Failure("the agent has no child '%s'" % command)


def threads(pid, key, wanted):
    for thread in os.listdir("/proc/%d/task" % pid):
        if status_of(pid, thread, key) != wanted:
            raise Failure("thread %s of %d: %s is not %s" % (thread, pid, key, wanted))


def status_of(pid, thread, key):
    with open("/proc/%d/task/%s/status" % (pid, thread)) as text:
        return next(line.split()[1] for line in text if line.startswith(key + ":"))


def expect_refused(t, pid, what, *call):
    got = inject(t, pid, *call)
    if got != -errno.EPERM:
        raise Failure("%s: %d, not EPERM" % (what, got))


def told(agent, text, patience=5):
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        if [said for said in agent.refused if text in said]:
            return
        time.sleep(0.05)
    raise Failure("nothing told of %s: %s" % (text, agent.refused))


@act("agent/confined", kernels=("host", "vm"), engines=None, own_agent=True)
def confined(t):
    """Every thread of sensor and deliverer has its filter: what is not in the list fails and is told once, what is goes on."""
    t.start_agent()
    agent = t.session.agent
    deliverer = child(agent, "deliver")
    # the deliverer sets its own before it does anything else
    limit = time.monotonic() + 10
    while status(deliverer, "Seccomp") != "2" and time.monotonic() < limit:
        time.sleep(0.02)
    for pid in (agent.child.pid, deliverer):
        threads(pid, "Seccomp", "2")
        threads(pid, "NoNewPrivs", "1")
    for pid, command in ((agent.child.pid, "run"), (deliverer, "deliver")):
        if inject(t, pid, GETPID) != pid:
            raise Failure("getpid of '%s' fails" % command)
        for name, call in (("acct", (ACCT, 0)), ("execve", (EXECVE, 0, 0, 0)), ("mount", (MOUNT, 0, 0, 0, 0, 0))):
            expect_refused(t, pid, name, *call)
            told(agent, "'nodeagent %s'" % command)
            told(agent, " %s," % name)
    for family, kind, protocol, is_allowed in ((1, 1, 0, True), (16, 3, 9, False), (16, 3, 0, False), (2, 1, 0, False), (10, 1, 0, False),
                                               (17, 3, 0, False)):
        got = inject(t, agent.child.pid, SOCKET, family, kind, protocol)
        if (got >= 0) != is_allowed:
            raise Failure("socket of family %d, protocol %d: %d" % (family, protocol, got))
    count = len(agent.refused)
    for _ in range(5):
        expect_refused(t, agent.child.pid, "acct", ACCT, 0)
    time.sleep(1)
    if len(agent.refused) != count:
        raise Failure("told again: %s" % agent.refused[count:])
    agent.refused.clear()
    agent.stop()


@act("agent/forbidden-call", kernels=("host", "vm"), engines=None, own_agent=True)
def forbidden(t):
    """What the program must never do ends the process; the deliverer is started anew, the sensor's end is the service manager's."""
    t.start_agent()
    agent = t.session.agent
    first = child(agent, "deliver")
    time.sleep(1)
    if inject(t, first, BPF, 0, 0, 0) != "killed 31":
        raise Failure("bpf did not end the deliverer")
    limit = time.monotonic() + 10
    while True:
        try:
            if child(agent, "deliver") != first:
                break
        except Failure:
            pass
        if time.monotonic() > limit:
            raise Failure("no new deliverer")
    agent.refused.clear()
    agent.stop()
    t.start_agent()
    if inject(t, agent.child.pid, BPF, 0, 0, 0) != "killed 31":
        raise Failure("bpf did not end the sensor")
    agent.child.wait(5)
    # What it left behind is put back by the next start.
    t.start_agent()
    agent.stop()
    # A thread of the sensor's may have told of it in its last moment.
    agent.refused.clear()


@act("agent/unconfined", kernels=("host",), engines=None, own_agent=True)
def unconfined(t):
    """confinement.mode: off and log."""
    agent = t.session.agent
    for mode, seccomp in (("off", "0"), ("log", "2")):
        with open(agent.config) as original:
            text = original.read()
        if "mode: enforce" not in text:
            raise Failure("the configuration has no 'mode: enforce'")
        path = os.path.join(os.path.dirname(agent.config), "confinement-%s.yaml" % mode)
        with open(path, "w") as out:
            out.write(text.replace("mode: enforce", "mode: " + mode))
        try:
            t.start_agent(path)
            if status(agent.child.pid, "Seccomp") != seccomp:
                raise Failure("mode %s: Seccomp is %s" % (mode, status(agent.child.pid, "Seccomp")))
            got = inject(t, agent.child.pid, ACCT, 1)      # a bad address: EFAULT by the kernel itself, or EPERM without the right
            if mode == "log":
                told(agent, " acct,")
            elif agent.refused or got >= 0:
                raise Failure("mode off: %d %s" % (got, agent.refused))
            agent.refused.clear()
            agent.stop()
        finally:
            os.unlink(path)
