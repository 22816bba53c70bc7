"""What the service manager is told."""
import os
import signal
import socket
import time

from harness import Failure, act


@act("agent/service-manager", engines=None, own_agent=True)
def service_manager(t):
    """Ready when the sources are open, alive every second while the pipeline goes on, stopping at the end; no other process speaks."""
    agent = t.session.agent
    path = os.path.join(t.machine.work, "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        env = agent.env
        agent.env = dict(env, NOTIFY_SOCKET=path, WATCHDOG_USEC="30000000")
        try:
            t.start_agent()
            pid = agent.child.pid

            def hear(wanted, seconds):
                ear.settimeout(seconds * t.machine.factor)
                limit = time.monotonic() + seconds * t.machine.factor
                while time.monotonic() < limit:
                    try:
                        text, ancillary, _, _ = ear.recvmsg(4096, socket.CMSG_SPACE(12))
                    except socket.timeout:
                        break
                    said_by = int.from_bytes(ancillary[0][2][:4], "little")
                    if said_by != pid:
                        raise Failure("process %d speaks for %d: %s" % (said_by, pid, text))
                    if wanted in text.decode().split("\n"):
                        return
                raise Failure("nothing heard of %s" % wanted)

            hear("READY=1", 10)
            for _ in range(3):
                hear("WATCHDOG=1", 5)
            # A stopped process says nothing, and the manager would end it.
            os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(1.5)
                ear.setblocking(False)
                try:
                    while True:
                        ear.recv(4096)
                except BlockingIOError:
                    pass
                ear.settimeout(2)
                try:
                    raise Failure("a stopped agent says %s" % ear.recv(4096))
                except socket.timeout:
                    pass
            finally:
                os.kill(pid, signal.SIGCONT)
            hear("WATCHDOG=1", 5)
            agent.stop()
            hear("STOPPING=1", 5)
        finally:
            agent.env = env
            os.unlink(path)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as listed:
        return [int(word) for word in listed.read().split()]


def spawner(t):
    found = [p for p in children(t.session.agent.child.pid) if open("/proc/%d/comm" % p).read().strip() == "na-spawner"]
    if len(found) != 1:
        raise Failure("spawners: %s" % found)
    return found[0]


@act("agent/spawner", engines=None, own_agent=True)
def spawner_ends(t):
    """It holds nothing of the sensor's, the children are the sensor's own, and its end is told once."""
    since = time.time_ns()
    t.start_agent()
    agent, pid = t.session.agent, spawner(t)
    held = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
    if len(held) != 4 or not held[-1].startswith("socket:"):
        raise Failure("it holds %s" % held)
    with open("/proc/%d/status" % agent.child.pid) as status:
        if "NoNewPrivs:\t1" not in status.read():
            raise Failure("the sensor can gain rights")
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.2)
    if spawner(t) != pid:
        raise Failure("a signal for the group ended it")
    os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + 5 * t.machine.factor
    while not [a for a in agent.alerts if a.get("rule") == "Spawner ended"]:
        if time.monotonic() > limit:
            raise Failure("nothing told of its end")
        time.sleep(0.1)
    time.sleep(2.5)
    told = [a for a in t.alerts(since, rules=("Spawner ended",))]
    if len(told) != 1:
        raise Failure("told %d times" % len(told))
    agent.stop()
