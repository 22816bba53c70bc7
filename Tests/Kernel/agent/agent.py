"""The agent itself, as far as it takes a live kernel."""
import contextlib
import glob
import os
import signal
import socket
import subprocess
import threading
import time

from auditing import AUDITD_CONF, audit
from harness import ENVIRON, UEVENT, Failure, act, want
from standstill import read


@act("agent/puts-audit-back", engines=None, own_agent=True)
def puts_back(t):
    """After SIGTERM: ended with 0 within a second, rules and settings as they were found, another's rule included."""
    if not t.watched:
        return
    subprocess.run(["auditctl", "-w", "/etc/hostname", "-p", "wa", "-k", "na-test-other"], env=t.machine.env, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    try:
        before = audit(t)
        t.start_agent()
        during = audit(t)
        if during == before:
            raise Failure("the agent changed nothing in audit's state")
        took = t.session.agent.stop()
        after = audit(t)
        if after != before:
            raise Failure("audit was %s and is %s" % (before, after))
        t.note("ended in %d ms" % (took * 1000))
    finally:
        subprocess.run(["auditctl", "-W", "/etc/hostname", "-p", "wa", "-k", "na-test-other"], env=t.machine.env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


@act("agent/after-a-crash", engines=None, own_agent=True)
def after_crash(t):
    """SIGKILL, a new start, SIGTERM: as found before the first start."""
    if not t.watched:
        return
    before = audit(t)
    t.start_agent()
    t.session.agent.kill()
    t.start_agent()
    t.session.agent.stop()
    after = audit(t)
    if after != before:
        raise Failure("audit was %s and is %s" % (before, after))


@act("agent/failed-start", engines=None, own_agent=True)
def failed_start(t):
    """A start that fails after audit's rules are in: the agent says why, and audit is as it was found."""
    if not t.watched:
        return
    before = audit(t)
    directory = os.path.join(t.machine.work, "failed-start")
    os.makedirs(os.path.join(directory, "control.sock", "in-the-way"))
    agent = t.session.agent
    done = subprocess.run([agent.binary, "run", "--config", agent.config, "--runtime-directory", directory], env=agent.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    if done.returncode != 1 or b"control.sock" not in done.stderr:
        raise Failure("ended with %d: %s" % (done.returncode, done.stderr.decode()))
    after = audit(t)
    if after != before:
        raise Failure("audit was %s and is %s" % (before, after))


@act("agent/ends-on-interrupt", engines=None, own_agent=True)
def interrupt(t):
    """Ctrl-C: ends with 0 within a second."""
    if not t.watched:
        return
    t.start_agent()
    child = t.session.agent.child
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    code = child.wait(10)
    took = time.monotonic() - began
    t.session.agent.child = None
    if code or took > 1.0 * (1 if t.kernel == "host" else 3):
        raise Failure("ended with %d after %.1f s" % (code, took))


@act("agent/hung-process", kernels=("host", "vm"), engines=("podman",), own_agent=True)
def hung_process(t):
    """Processes of a container whose memory nobody can read, their command lines with it: the agent starts, sees, answers and
    ends all the same. What begins to hang while it runs, and what hung before."""
    if not t.watched:
        return
    if t.kernel == "vm":
        subprocess.run(["modprobe", "fuse"], env=t.machine.env, check=False)
    container = t.container(privileged=True)
    want(container.run("offender", "fuse", "/deaf"), 0)
    agent = t.session.agent
    for begun in ("before", "meanwhile"):
        if begun == "before":
            hold_locks(t, container)
        began = time.monotonic()
        t.start_agent()
        started = time.monotonic() - began
        if begun == "meanwhile":
            hold_locks(t, container)
        for _ in range(2):
            since = time.time_ns()
            want(container.run("offender", "r", "open", "/proc/1/environ", "RDONLY"), 0)
            t.expect(ENVIRON, container, since, only=False)
        other = t.container()
        time.sleep(t.machine.settle)
        since = time.time_ns()
        want(other.run("offender", "r", "open", "/proc/1/environ", "RDONLY"), 0)
        t.expect(ENVIRON, other, since, only=False)
        for words in (("inventory",), ("status",)):
            done = t.nodeagent(*words, timeout=10)
            if done.returncode:
                raise Failure("%s: %d %s" % (words[0], done.returncode, done.stderr))
        took = agent.stop(2.0 * t.machine.factor)
        # without an agent it reads everything itself
        done = t.nodeagent("inventory", timeout=20)
        if done.returncode or container.name not in done.stdout:
            raise Failure("inventory: %d %s%s" % (done.returncode, done.stdout, done.stderr))
        t.note("%s: ready after %.1f s, ended in %d ms" % (begun, started, took * 1000))


@act("agent/slow-client", kernels=("host",), engines=None, own_agent=True)
def slow_client(t):
    """Somebody on the control socket who says a byte a second: the next one waits no longer than for a whole request."""
    if not t.watched:
        return
    t.start_agent()
    slow = socket.socket(socket.AF_UNIX)
    slow.connect(os.path.join(t.session.agent.env["RUNTIME_DIRECTORY"], "control.sock"))
    stop = threading.Event()

    def drip():
        with contextlib.suppress(OSError):
            while not stop.wait(0.5):
                slow.send(b"{")
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        time.sleep(0.2)
        began = time.monotonic()
        done = t.nodeagent("status", timeout=20)
        took = time.monotonic() - began
        if done.returncode or took > 4:
            raise Failure("status: %d after %.1f s %s" % (done.returncode, took, done.stderr))
        t.note("answered after %.1f s" % took)
    finally:
        stop.set()
        dripping.join()
        slow.close()
        t.session.agent.stop()


def hold_locks(t, container):
    """Three processes that hang for good; that they do is seen from here."""
    for _ in range(3):
        want(container.run("&offender", "hold-lock", "/deaf/f"), 0)
    time.sleep(0.5 * t.machine.factor)
    for path in glob.glob("/proc/[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if read(path).strip() == "offender" and read(path[:-4] + "wchan") and is_hung(path[:-4] + "cmdline"):
                return
    raise Failure("no process hangs: this kernel does not hold the lock over a FUSE page")


def is_hung(path):
    """Whether it cannot be read within a second."""
    reader = subprocess.Popen(["cat", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        reader.wait(1)
        return False
    except subprocess.TimeoutExpired:
        reader.kill()                        # the lock is waited for killably
        reader.wait(10)
        return True


@act("agent/beside-auditd", engines=("runc",), own_agent=True)
def beside_auditd(t):
    """A real auditd holds the daemon's place: the agent listens beside it, sees what it should, and leaves it there."""
    if not t.watched:
        return
    directory = os.path.join(t.machine.work, "auditd")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "auditd.conf"), "w") as conf:
        conf.write(AUDITD_CONF % directory)
    os.chmod(os.path.join(directory, "auditd.conf"), 0o640)
    before = audit(t)
    daemon = subprocess.Popen(["auditd", "-n", "-s", "nochange", "-c", directory], env=t.machine.env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if "pid %d" % daemon.pid in audit(t)[0]:
                break
            time.sleep(0.1)
        else:
            raise Failure("auditd did not take the daemon's place: %s" % audit(t)[0])
        held = audit(t)
        t.start_agent()
        if "pid %d" % daemon.pid not in audit(t)[0]:
            raise Failure("auditd lost the daemon's place: %s" % audit(t)[0])
        container = t.container(privileged=True)
        since = time.time_ns()
        container.run("offender", "w=/x", "openat", "/sys/kernel/uevent_helper", "WRONLY|CREAT")
        t.expect(UEVENT, container, since, only=False)
        t.session.agent.stop()
        if audit(t) != held:
            raise Failure("audit was %s and is %s" % (held, audit(t)))
    finally:
        daemon.terminate()
        daemon.wait(20)
        for line in before[0]:
            if line.startswith("enabled ") and line not in audit(t)[0]:
                subprocess.run(["auditctl", "-e", line.split()[1]], env=t.machine.env, stdout=subprocess.DEVNULL, check=False)
