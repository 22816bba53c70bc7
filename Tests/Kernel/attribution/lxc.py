"""LXC: a system container without any engine's files, recognised by its cgroup."""
import json
import os

from harness import ENVIRON, PREFIX, PRIVILEGED, Container, Engine, Failure, act, check, numbered


class LXC(Engine):
    name, runtime_name = "lxc", "lxc"

    def container(self, command=("offender", "serve"), **_):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        rootfs = os.path.join(self.machine.work, "lxc-" + name)
        check(["cp", "-a", self.machine.rootfs, rootfs], self.machine.env)
        configuration = rootfs + ".conf"
        with open(configuration, "w") as out:
            # what the distribution's templates include: capabilities dropped, devices allowed, the seccomp profile
            out.write("lxc.include = /usr/share/lxc/config/common.conf\nlxc.uts.name = %s\nlxc.rootfs.path = dir:%s\n"
                      "lxc.net.0.type = empty\nlxc.mount.auto = proc:mixed sys:ro cgroup:mixed\n" % (name, rootfs))
        return Container(self, name, ["lxc-execute", "-n", name, "-f", configuration, "--", "/bin/" + command[0], *command[1:]],
                         image=None)

    def remove(self, name):
        check(["lxc-stop", "-k", "-n", name], self.machine.env)


@act("attribution/lxc", kernels=("vm",), engines=None)
def lxc(t):
    """Its name is the container's; its monitor is the host's and no second container."""
    t.engine = LXC(t.machine)
    container = t.container()
    rows = json.loads(t.nodeagent("inventory", "--output", "json").stdout)
    own = [row for row in rows if row["id"] == container.id]
    if [(row["runtime"], row["name"], row["privileged"]) for row in own] != [("lxc", container.name, False)]:
        raise Failure("inventory: %s" % (own or rows))
    if [row for row in rows if "monitor" in str(row["cgroup"])]:
        raise Failure("its monitor is listed: %s" % rows)
    t.attack(container, ("cat", "/proc/1/environ"), ENVIRON)
    if [a for a in t.alerts(container.began, container) if a["rule"] == PRIVILEGED]:
        raise Failure("told as privileged: %s" % own)
