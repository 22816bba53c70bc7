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
