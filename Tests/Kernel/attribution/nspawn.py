"""systemd-nspawn: a system container, recognised by its cgroup."""
import json
import os

from harness import ENVIRON, PREFIX, PRIVILEGED, Container, Engine, Failure, act, check, numbered


class Nspawn(Engine):
    name, runtime_name = "nspawn", "systemd-nspawn"

    def container(self, command=("offender", "serve"), **_):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        rootfs = os.path.join(self.machine.work, "nspawn-" + name)
        check(["cp", "-a", self.machine.rootfs, rootfs], self.machine.env)
        os.makedirs(os.path.join(rootfs, "usr"), exist_ok=True)       # what it takes for a system
        return Container(self, name, ["systemd-nspawn", "--quiet", "--pipe", "-M", name, "-D", rootfs, "--private-network",
                                      "/bin/" + command[0], *command[1:]], image=None)

    def remove(self, name):
        check(["machinectl", "terminate", name], self.machine.env)


@act("attribution/nspawn", kernels=("vm",), engines=None)
def nspawn(t):
    """Its name is the machine's; its own monitor is the host's and no second container."""
    t.engine = Nspawn(t.machine)
    container = t.container()
    rows = json.loads(t.nodeagent("inventory", "--output", "json").stdout)
    own = [row for row in rows if row["id"] == container.id]
    if [(row["runtime"], row["name"], row["privileged"]) for row in own] != [("systemd-nspawn", container.name, False)]:
        raise Failure("inventory: %s" % (own or rows))
    if [row for row in rows if "supervisor" in str(row["cgroup"])]:
        raise Failure("its monitor is listed: %s" % rows)
    t.attack(container, ("cat", "/proc/1/environ"), ENVIRON)
    if [a for a in t.alerts(container.began, container) if a["rule"] == PRIVILEGED]:
        raise Failure("told as privileged")
