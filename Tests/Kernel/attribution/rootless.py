"""podman and docker without root: the container's files are a user's, its root is nobody's on the host."""
import json
import os
import subprocess
import time

from harness import ENVIRON, IMAGE, PREFIX, PRIVILEGED, Container, Docker, Failure, Podman, act, check, numbered

USER, UID, HOME = "na-user", 1000, "/home/na-user"
RUNTIME = "/run/user/%d" % UID


def as_user(*words, environment=()):
    """As the user, in a unit of his own systemd: an engine cannot move a process out of the system's."""
    return ["setpriv", "--reuid=%d" % UID, "--regid=%d" % UID, "--init-groups", "env", "-i", "PATH=" + os.environ["PATH"],
            "HOME=" + HOME, "USER=" + USER, "XDG_RUNTIME_DIR=" + RUNTIME, "DBUS_SESSION_BUS_ADDRESS=unix:path=%s/bus" % RUNTIME,
            "systemd-run", "--user", "--quiet", *("--setenv=" + e for e in environment), *words]


def log_in(machine):
    check(["loginctl", "enable-linger", USER], machine.env)
    limit = time.monotonic() + 60
    while not os.path.exists(RUNTIME + "/bus"):
        if time.monotonic() > limit:
            raise Failure("no session of %s" % USER)
        time.sleep(0.2)
    archive = os.path.join(HOME, "image.tar")
    check(["install", "-o", USER, "-m", "600", machine.archive, archive], machine.env)
    return archive


def log_out():
    subprocess.run(["loginctl", "disable-linger", USER], check=False)
    limit = time.monotonic() + 60
    while os.path.exists(RUNTIME) and time.monotonic() < limit:
        time.sleep(0.2)


class RootlessPodman(Podman):
    name = "podman-rootless"

    def words(self, *words):
        return as_user("--pipe", "--wait", "--collect", "podman", *words)

    def start(self):
        check(self.words("load", "-q", "-i", log_in(self.machine)), self.machine.env)

    def stop(self):
        subprocess.run(self.words("rmi", "-f", IMAGE), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        log_out()

    def container(self, privileged=False, command=("offender", "serve"), **_):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        cidfile = os.path.join(HOME, name + ".cid")
        return Container(self, name, self.words("run", "-i", "--rm", "--name", name, "--cidfile", cidfile,
                                                *self._options(privileged, None, "none", (), None), IMAGE, *command),
                         get_id=lambda: open(cidfile).read().strip())

    def remove(self, name):
        subprocess.run(self.words("rm", "-f", "-t", "0", name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class RootlessDocker(Docker):
    """dockerd in a user namespace that rootlesskit makes."""
    name = "docker-rootless"
    socket = "unix://%s/docker.sock" % RUNTIME

    def _docker(self, *words):
        return as_user("--pipe", "--wait", "--collect", "/usr/bin/docker", "-H", self.socket, *words)

    def start(self):
        archive = log_in(self.machine)
        check(as_user("--unit=na-dockerd", "--collect", "/usr/share/docker.io/contrib/dockerd-rootless.sh", "--bridge=none",
                      "--iptables=false", "--ip-forward=false", environment=("PATH=/usr/bin:/usr/sbin:/sbin:/bin", "DOCKERD_ROOTLESS_ROOTLESSKIT_NET=host",
                                   "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER=none")), self.machine.env)
        limit = time.monotonic() + 60
        while subprocess.run(self._docker("version"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            if time.monotonic() > limit:
                raise Failure("the user's dockerd did not start")
            time.sleep(0.5)
        check(self._docker("load", "-q", "-i", archive), self.machine.env)

    def stop(self):
        subprocess.run(self._docker("rmi", "-f", IMAGE), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        log_out()

    def container(self, privileged=False, command=("offender", "serve"), **_):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        cidfile = os.path.join(HOME, name + ".cid")
        return Container(self, name, self._docker("run", "-i", "--rm", "--name", name, "--cidfile", cidfile,
                                                  *self._options(privileged, None, "none", ()),
                                                  # it may not see which profiles there are
                                                  "--security-opt", "apparmor=unconfined", IMAGE, *command),
                         get_id=lambda: open(cidfile).read().strip())


@act("attribution/rootless", kernels=("vm",), engines=None)
def rootless(t):
    """A user's containers have name and image; --privileged gives them no right of the host's, and is no alert."""
    run(t, RootlessPodman(t.machine))


@act("attribution/rootless-docker", kernels=("vm",), engines=None)
def rootless_docker(t):
    run(t, RootlessDocker(t.machine))


def run(t, engine):
    t.engine = engine
    t.engine.start()
    try:
        for privileged, verdict in ((False, "restricted"), (True, "privileged-in-userns")):
            since = time.time_ns()
            container = t.container(privileged=privileged)
            done = t.nodeagent("inventory", "--output", "json")
            found = [c for c in json.loads(done.stdout) if c["id"] == container.id]
            if len(found) != 1:
                raise Failure("%s is listed %d times" % (container.name, len(found)))
            own = found[0]
            wanted = {"name": container.name, "image": IMAGE, "runtime": engine.runtime_name, "privileged": False, "verdict": verdict}
            told = {key: own[key] for key in wanted}
            if told != wanted:
                raise Failure("%s, not %s: %s" % (told, wanted, own["reasons"]))
            t.attack(container, ("cat", "/proc/1/environ"), ENVIRON)
            told = [a["output"] for a in t.alerts(since, container) if a["rule"] == PRIVILEGED]
            if told:
                raise Failure("told as privileged: %s" % told)
            container.close()
            t.own.remove(container)
    finally:
        t.close()
        for worker in t.session.closing:
            worker.join()
        t.engine.stop()
