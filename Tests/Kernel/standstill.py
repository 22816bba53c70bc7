"""Whether a container stands still, as the host's kernel shows it and whatever the agent says."""
import contextlib
import os
import re
import time

from harness import Failure, want


def read(path):
    """A file's text; nothing when it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def cgroups(pid):
    """(directory, is v2) of each cgroup of the process that can be frozen, v2 first."""
    mounts = {}
    for line in read("/proc/self/mountinfo").splitlines():
        left, right = line.split(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "freezer" in options.split(",")):
            mounts[kind == "cgroup2"] = left.split(" ")[4]
    found = []
    for line in read("/proc/%d/cgroup" % pid).splitlines():
        number, controllers, path = line.split(":", 2)
        unified = number == "0"
        if (unified or "freezer" in controllers.split(",")) and unified in mounts:
            found.append((mounts[unified] + path.rstrip("/"), unified))
    return sorted(found, key=lambda row: not row[1])


def first_process(container):
    """The host's number of the container's pid 1; remembered."""
    known = getattr(container, "host_pid", None)
    if known:
        return known
    named = re.compile(r"[/-]%s(\.scope)?(/|$)" % re.escape(container.id), re.M)
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if named.search(read("/proc/%d/cgroup" % pid)):
            spaces = re.search(r"^NSpid:\t(.*)$", read("/proc/%d/status" % pid), re.M)
            if spaces and spaces.group(1).split()[-1] == "1":
                container.host_pid = pid
                return pid
    raise Failure("%s has no first process" % container.name)


def levels(container):
    """The container's cgroups, from its first process' own up to the one that has its name: (directory, is v2)."""
    for directory, unified in cgroups(first_process(container)):
        while container.id in directory:
            yield directory, unified
            directory = os.path.dirname(directory)


def is_frozen(container):
    return any("frozen 1" in read(directory + "/cgroup.events") if unified
               else read(directory + "/freezer.state").strip() not in ("THAWED", "") for directory, unified in levels(container))


def thaw(container):
    """Sets it going, whoever has frozen it: one that stands still cannot be ended."""
    with contextlib.suppress(Failure):
        for directory, unified in reversed(list(levels(container))):
            with contextlib.suppress(OSError):
                with open(directory + ("/cgroup.freeze" if unified else "/freezer.state"), "w") as file:
                    file.write("0" if unified else "THAWED")


def wait_for(machine, what, condition, seconds=5):
    limit = time.monotonic() + seconds * machine.factor
    while not condition():
        if time.monotonic() > limit:
            raise Failure("not within %d s: %s" % (seconds * machine.factor, what))
        time.sleep(0.02)


class Counter:
    """A process of the container that counts for as long as it runs: a byte more in a file, 20 times a second."""

    def __init__(self, machine, container):
        self.machine, self.name = machine, container.name
        want(container.run("&sh", "-c", "while :; do echo >> /tmp/n; sleep 0.05; done"), 0)
        self.path = "/proc/%d/root/tmp/n" % first_process(container)
        wait_for(machine, "%s begins to count" % container.name, lambda: os.path.exists(self.path))

    def value(self):
        try:
            return os.stat(self.path).st_size
        except OSError as error:
            raise Failure("the counter of %s is gone: %s" % (self.name, error))

    def must_stand(self, seconds=1.0):
        before = self.value()
        time.sleep(seconds)
        after = self.value()
        if after != before:
            raise Failure("%s is not frozen: it counted from %d to %d in %.1f s" % (self.name, before, after, seconds))
        return after

    def must_go_on(self):
        before = self.value()
        wait_for(self.machine, "%s counts on from %d" % (self.name, before), lambda: self.value() > before + 2, 3)
        return self.value()
