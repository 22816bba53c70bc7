"""Privileged Container Started."""
import os
import time

from harness import (BLOCK, ENVIRON, IMAGE, NOTICE, PRIVILEGED, UEVENT, Failure, act, check, want)


@act("privileged/start")
def start(t):
    since = time.time_ns()
    container = t.container(privileged=True)
    t.expect(PRIVILEGED, container, since)


@act("privileged/start-short")
def start_short(t):
    """One that ends at once."""
    since = time.time_ns()
    once = t.engine.once("true", privileged=True)
    want(once, 0)
    t.expect(PRIVILEGED, once, since)


@act("privileged/start-host-pid")
def start_host_pid(t):
    since = time.time_ns()
    container = t.container(privileged=True, pid="host")
    t.expect(PRIVILEGED, container, since)


@act("privileged/start-once-only")
def start_once(t):
    """One start is one alert: not another for its execs."""
    container = t.shared(privileged=True)
    since = time.time_ns()
    if t.engine.exec(container, "true").returncode:
        raise Failure("exec")
    want(container.run("ls", "/"), 0)
    t.silent(since, container)
    t.control()


@act("privileged/found-running", own_agent=True)
def found_running(t):
    """One that ran before the agent started is told when it starts."""
    since = time.time_ns()
    container = t.container(privileged=True)
    t.start_agent()
    t.expect(PRIVILEGED, container, since)


KNOWN = "Privileged Container Started (known image)"


@act("privileged/known-image", engines=("podman", "docker", "ctr"), own_agent=True)
def known_image(t):
    """An image of the list known_privileged_images lowers the priority to Notice; it is never silent."""
    agent = t.session.agent
    usual = agent.config if agent else None
    if agent:
        rules = os.path.join(t.machine.work, "known.yaml")
        with open(rules, "w") as out:
            out.write("- list: known_privileged_images\n  items: [%s]\n" % IMAGE.rsplit(":", 1)[0])
        with open(usual) as source:
            text = source.read()
        escape = os.path.join(os.path.dirname(usual), "rules", "escape.yaml")
        agent.config = os.path.join(t.machine.work, "known-config.yaml")
        with open(agent.config, "w") as out:
            out.write(text.replace("  - rules/escape.yaml", "  - %s\n  - %s" % (escape, rules)))
    try:
        t.start_agent()
        since = time.time_ns()
        container = t.container(privileged=True)
        t.expect(KNOWN, container, since, priority=NOTICE)
    finally:
        if agent:
            agent.config = usual
            if agent.alive():
                agent.stop(1.0 * t.machine.factor)


@act("privileged/near-unprivileged")
def near(t):
    since = time.time_ns()
    container = t.container()
    want(container.run("true"), 0)
    t.silent(since, container)
    t.control()


MANIFEST = """# privileged-test.yaml - DO NOT USE IN PRODUCTION
apiVersion: v1
kind: Pod
metadata:
  name: lab002-privileged
  namespace: default
spec:
  containers:
  - name: test
    image: %s
    imagePullPolicy: Never
    command: ["sleep", "3600"]
    securityContext:
      privileged: true
"""


class Played:
    """The container that `podman kube play` makes of the manifest."""

    def __init__(self, t):
        self.t, self.name, self.image, self.pod, self.namespace = t, "lab002-privileged-test", IMAGE, "lab002-privileged", "default"
        path = os.path.join(t.machine.work, "privileged-test.yaml")
        with open(path, "w") as out:
            out.write(MANIFEST % IMAGE)
        self.path = path
        network = ["--network", "none"] if t.machine.name == "host" else []
        check(["podman", "kube", "play", *network, path], t.machine.env)
        self.id = check(["podman", "inspect", "-f", "{{.Id}}", self.name], t.machine.env).strip()

    def exec(self, *command):
        return self.t.engine.exec(self, *command)

    def down(self):
        check(["podman", "pod", "rm", "-f", "-t", "0", self.pod], self.t.machine.env)


@act("privileged/seed-manifest", kernels=("host", "vm"), engines=("podman",))
def manifest(t):
    """Seed 000's manifest, its commands and seed 003's: four kinds of alert with container, pod, namespace and image."""
    since = time.time_ns()
    played = Played(t)
    try:
        t.expect(PRIVILEGED, played, since, only=False)
        if b"autofs" not in played.exec("ls", "/dev").stdout and b"null" not in played.exec("ls", "/dev").stdout:
            raise Failure("ls /dev")
        since = time.time_ns()
        device = t.machine.block()[0]
        played.exec("sh", "-c", "test -b %s || mknod %s b %d %d" % ((device, device) + t.machine.block()[1:]))
        done = played.exec("mount", device, "/mnt")
        if done.returncode:
            raise Failure("mount: %s" % done.stdout[-200:])
        t.expect(BLOCK, played, since, only=False)
        played.exec("umount", "/mnt")
        since = time.time_ns()
        if played.exec("cat", "/proc/1/environ").returncode:
            raise Failure("cat /proc/1/environ")
        t.expect(ENVIRON, played, since, only=False)
        since = time.time_ns()
        played.exec("sh", "-c", "host_path=`sed -n 's/.*\\perdir=\\([^,]*\\).*/\\1/p' /proc/mounts`;"
                    "echo \"$host_path/trigger.sh\" > /sys/kernel/uevent_helper; echo change > /sys/class/mem/null/uevent")
        t.expect(UEVENT, played, since, only=False)
    finally:
        played.down()
