"""What every act needs: the agent as a child process, the container engines, the machine's differences.

Standard library of Debian's python3 only, and of python3-minimal where the module is not carried along (see run.py, VM_MODULES).
"""
import fnmatch
import glob
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time

import cri

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PREFIX = "na-test-"                      # of every container, pod and directory: guard.sh removes what is left by this name
IMAGE = "localhost/na-test:latest"
READY = "nodeagent: ready"               # the line on stderr by which the agent says that all its sources are armed

# ---- what the agent is expected to say (the only place that knows the names) ----
PRIVILEGED = "Privileged Container Started"
BLOCK = "Host Block Device Mounted in Container"
UEVENT = "Write to uevent_helper"
ENVIRON = "Read of /proc/1/environ in Container"
ENVIRON_OUTSIDE = "Read of /proc/1/environ in Container (outside process)"
LEFT = "Process Left Container Cgroup"
OURS = (PRIVILEGED, BLOCK, UEVENT, ENVIRON, ENVIRON_OUTSIDE, LEFT)
CRITICAL, WARNING, NOTICE = "Critical", "Warning", "Notice"
PRIORITY = {PRIVILEGED: CRITICAL, BLOCK: CRITICAL, UEVENT: CRITICAL, ENVIRON: NOTICE, ENVIRON_OUTSIDE: CRITICAL, LEFT: WARNING}
FIELDS = {                               # output_fields; the first of the names that is there counts
    "id": ("container.id",),
    "name": ("container.name",),
    "image": ("container.image", "container.image.repository"),
    "pod": ("k8s.pod.name",),
    "namespace": ("k8s.ns.name",),
    "time": ("evt.time", "evt.rawtime"),
}


class Failure(Exception):
    """The act ran and the outcome is wrong."""


class Skip(Exception):
    """The act cannot be done on this machine; needs a line in skips.txt."""


def field(alert, name):
    fields = alert.get("output_fields") or {}
    for key in FIELDS[name]:
        if fields.get(key) not in (None, "", "<NA>"):
            return fields[key]
    return None


SLACK = 15000000                         # ns: the kernel stamps audit records with its coarse clock (10 ms at HZ=100)
REPEATS = 1.5                            # s after an alert at which the count of its repeats comes (RepeatFilter)


def times(alerts):
    """How many acts they tell of: one each, and a count as many as were held back."""
    return sum((a.get("output_fields") or {}).get("alert.repeats", 1) for a in alerts)


def event_time(alert):
    """Of the alert's event, ns since the epoch: evt.time, else the key `time` (RFC 3339, UTC); None when neither can be read."""
    value = field(alert, "time")
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        return int(value)
    text = str(alert.get("time") or "")
    try:
        date, clock = text.rstrip("Z").split("T")
        year, month, day = map(int, date.split("-"))
        hours, minutes, seconds = clock.split(":")
        whole, _, part = seconds.partition(".")
    except ValueError:
        return None
    year -= month <= 2                   # days from the civil date (no datetime in python3-minimal)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 719469
    return ((days * 24 + int(hours)) * 60 + int(minutes)) * 60 * 10**9 + int(whole) * 10**9 + int((part + "000000000")[:9])


def is_since(alert, since):
    """Of an event of `since` or later. Not by the arrival: an earlier act's second alert may come late."""
    when = event_time(alert)
    return alert["_arrived"] >= since and (when is None or when >= since - SLACK)


# ---- the machine ----
class Machine:
    """host: this machine. uml: the user-mode kernel on this machine's files. vm: the Debian 12 VM."""

    def __init__(self, name, work):
        self.name, self.work = name, work
        self.factor = {"host": 1, "uml": 3, "vm": 12}[name]
        self.alert_wait = {"host": 1.5, "uml": 3.0, "vm": 8.0}[name]     # how long an alert may take before the act fails
        self.settle = {"host": 0.7, "uml": 1.0, "vm": 2.5}[name]         # how long silence is listened to
        self.archive = os.path.join(work, "na-test.tar")                 # docker-archive, see run.py
        self.rootfs = os.path.join(work, "rootfs")
        self._block = None
        self.env = dict(os.environ)
        self.env.update(PATH="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C")
        if name == "host":
            conf = os.path.join(work, "containers.conf")
            with open(conf, "w") as out:
                out.write(CONTAINERS_CONF % IMAGE)
            self.env["CONTAINERS_CONF"] = conf
        if name != "uml":
            # in the VM it is the system's, which docker starts as well
            self.containerd_config = os.path.join("/etc/containerd" if name == "vm" else work, "config.toml")
            with open(self.containerd_config, "w") as out:
                out.write(CONTAINERD_CONFIG % (IMAGE, *(("false", "true") if name == "vm" else ("true", "false"))))
        self._containerd = None
        self.engines = {"host": (Podman, Docker, Containerd, Cri, Runc), "uml": (Runc,),
                        "vm": (Podman, PodmanRunc, Docker, Containerd, Cri, Runc, Crun)}[name]

    def uevent_exists(self):
        return os.path.exists("/sys/kernel/uevent_helper")

    def block(self):
        """(path, major, minor) of a block device with an ext4 in it: a loop device over a file of ours, /dev/sda1 in the VM."""
        if not self._block:
            path = "/dev/sda1" if self.name == "vm" else self._loop()
            rdev = os.stat(path).st_rdev
            self._block = (path, os.major(rdev), os.minor(rdev))
        return self._block

    def _loop(self):
        image = os.path.join(self.work, "disk.ext4")
        with open(image, "wb") as out:
            out.truncate(8 << 20)
        check(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", image], self.env)
        if self.name == "uml":
            for n in range(2):
                if not os.path.exists("/dev/loop%d" % n):
                    os.mknod("/dev/loop%d" % n, 0o600 | 0o060000, os.makedev(7, n))
            check(["losetup", "/dev/loop0", image], self.env)
            return "/dev/loop0"
        return check(["losetup", "-f", "--show", image], self.env).strip()

    def containerd(self):
        """A daemon of ours, one for `ctr` and `cri`."""
        if not self._containerd:
            if os.path.exists("/var/lib/containerd"):
                raise Failure("/var/lib/containerd exists: not ours")
            with open(os.path.join(self.work, "owned"), "a") as owned:
                owned.write("/var/lib/containerd\n/run/containerd\n")
                if not glob.glob("/sys/fs/cgroup/kubepods") + glob.glob("/sys/fs/cgroup/*/kubepods"):
                    owned.write("kubepods\n")            # the pods' cgroups, which no runtime removes
            self._containerd = Daemon(self, "containerd", ["/usr/bin/containerd", "--config", self.containerd_config],
                                      ["ctr", "version"])
        return self._containerd

    def release(self):
        if self._block and self.name != "vm":
            subprocess.run(["losetup", "-d", self._block[0]], env=self.env, check=False)
        self._block = None


CONTAINERS_CONF = """# podman on a machine with cgroup v1, an almost empty v2 and without CAP_SYS_RESOURCE
[containers]
pids_limit = 0
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
infra_image = "%s"
"""
CONTAINERD_CONFIG = """# Debian's, and what pods need here
version = 2
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "%s"
restrict_oom_score_adj = %s
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = %s
"""


def check(command, env, timeout=120):
    """The command's stdout; a Failure with its stderr when it fails."""
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        text = (done.stderr or done.stdout).decode("utf-8", "replace").strip().replace("\n", " ")
        raise Failure("%s: %d %s" % (" ".join(command[:4]), done.returncode, text[-300:]))
    return done.stdout.decode("utf-8", "replace")


def on_file(work, pid, name):
    """A child of ours that guard.sh ends when we could not."""
    with open("/proc/%d/stat" % pid) as stat:
        started = stat.read().rsplit(")", 1)[1].split()[19]
    with open(os.path.join(work, "pids"), "a") as pids:
        pids.write("%d %s %s\n" % (pid, started, name))


# ---- the agent ----
REFUSED = "System call refused"


class Agent:
    def __init__(self, binary, config, env):
        self.binary, self.config, self.env = binary, config, env
        self.child = None
        # A second on a real machine; the others are emulated.
        self.patience = 1.0
        self.alerts, self.stderr = [], []
        # What its filters refused, over all its starts: whatever act was going on, that is a call missing in the lists.
        self.refused = []
        self.changed = threading.Condition()

    def start(self, timeout, config=None):
        """config: another one than the run's, for this start."""
        self.alerts, self.stderr = [], []
        self.child = subprocess.Popen([self.binary, "run", "--config", config or self.config, "--output", "json"], env=self.env,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.env.get("RUNTIME_DIRECTORY"):
            on_file(os.path.dirname(self.env["RUNTIME_DIRECTORY"]), self.child.pid, "nodeagent")
        threading.Thread(target=self._read_alerts, args=(self.child.stdout,), daemon=True).start()
        self._wait_ready(timeout)

    def _wait_ready(self, timeout):
        ready = threading.Event()
        threading.Thread(target=self._read_stderr, args=(self.child.stderr, ready), daemon=True).start()
        limit = time.monotonic() + timeout
        while not ready.wait(0.02):
            if self.child.poll() is not None:
                raise Failure("the agent ended with %d: %s" % (self.child.returncode, " | ".join(self.stderr[-5:])))
            if time.monotonic() > limit:
                raise Failure("the agent is not ready after %d s: %s" % (timeout, " | ".join(self.stderr[-5:])))

    def _read_alerts(self, stream):
        for line in stream:
            arrived = time.time_ns()
            try:
                alert = json.loads(line)
            except ValueError:
                alert = {"rule": "(not JSON)", "output": line.decode("utf-8", "replace").strip()}
            alert["_arrived"] = arrived
            with self.changed:
                if alert.get("rule") == REFUSED:
                    self.refused.append(alert.get("output"))
                self.alerts.append(alert)
                self.changed.notify_all()

    def _read_stderr(self, stream, ready):
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            self.stderr.append(line)
            if READY in line:
                ready.set()

    def end(self):
        """How it ended, and its last words."""
        time.sleep(0.5)                      # a backtrace takes its time
        return "; the agent has ended with %s: %s" % (self.child and self.child.poll(), " | ".join(self.stderr[-40:])[-3000:])

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def stop(self, limit=None):
        """SIGTERM; it must end with 0 within the limit. Returns the seconds it took."""
        limit = limit or self.patience
        if self.child is None:
            return 0.0
        if self.child.poll() is not None:
            code, self.child = self.child.returncode, None
            raise Failure("the agent had ended by itself with %d: %s" % (code, " | ".join(self.stderr[-5:])))
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(limit + 10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            self.child = None
            raise Failure("the agent did not end within %d s of SIGTERM" % (limit + 10))
        took = time.monotonic() - began
        self.child = None
        if code != 0:
            raise Failure("the agent ended with %d: %s" % (code, " | ".join(self.stderr[-5:])))
        if took > limit:
            raise Failure("the agent took %.1f s to end" % took)
        return took

    def kill(self):
        if self.alive():
            self.child.kill()
            self.child.wait()
        self.child = None


# ---- containers ----
class Result:
    """Of a command in a container: exit status, times on this kernel's realtime clock, what it printed."""

    def __init__(self, status, start, end, output):
        self.status, self.start, self.end, self.output = status, start, end, output

    def __repr__(self):
        return "status %d %s" % (self.status, self.output[:900])


class Container:
    """A container whose pid 1 is `offender serve`: commands go in by stdin, one fork and exec each."""

    def __init__(self, engine, name, command, image=IMAGE, pod=None, namespace=None, get_id=None):
        self.engine, self.name, self.image, self.pod, self.namespace = engine, name, image, pod, namespace
        self.machine = engine.machine
        self.began = time.time_ns()
        self.log = os.path.join(self.machine.work, name + ".err")
        with open(self.log, "wb") as err:
            self.child = subprocess.Popen(command, env=self.machine.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
        self._pending = b""
        self._serial = 0
        first = self._line(20 * self.machine.factor)
        if not first.startswith("READY"):
            self.close()
            raise Failure("%s did not start: %s" % (name, first))
        self.id = get_id() if get_id else name

    def _line(self, timeout):
        limit = time.monotonic() + timeout
        while b"\n" not in self._pending:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                return "no answer in %d s: %s" % (timeout, self._errors())
            block = os.read(self.child.stdout.fileno(), 65536)
            if not block:
                return "ended: " + self._errors()
            self._pending += block
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")

    def _errors(self):
        with open(self.log, errors="replace") as log:
            return log.read()[-300:].strip().replace("\n", " ")

    def run(self, *argv, timeout=20):
        self.send(*argv)
        return self.answer(timeout)

    def send(self, *argv):
        """A command whose answer may have to wait: the container can be frozen by then."""
        self._serial += 1
        line = "\t".join(("%d" % self._serial,) + argv) + "\n"
        try:
            self.child.stdin.write(line.encode())
            self.child.stdin.flush()
        except OSError as error:
            raise Failure("%s is gone: %s %s" % (self.name, error, self._errors()))

    def answer(self, timeout=20):
        """Of the last command that was sent."""
        parts = self._line(timeout * (self.machine.factor + 1) / 2).split("\t")
        if len(parts) < 6 or parts[0] != str(self._serial):
            raise Failure("%s: %s" % (self.name, " ".join(parts)))
        return Result(int(parts[1]), int(parts[3]), int(parts[4]), parts[5].strip())

    def close(self):
        if self.child.poll() is None:
            try:
                self.child.stdin.close()
            except OSError:
                pass
            try:
                self.child.wait(5 * self.machine.factor)
            except subprocess.TimeoutExpired:
                self.engine.remove(self.name)
                try:
                    self.child.wait(5 * self.machine.factor)
                except subprocess.TimeoutExpired:
                    self.child.kill()
                    self.child.wait()
        self.child.stdout.close()


def numbered(count=[0]):
    count[0] += 1
    return count[0]


class More:
    """Of a container: volumes, pairs of a host path and one inside; tmpfs, paths inside; env, `NAME=value`; pids, the most that
    may live in it (0: as the engine has it)."""

    def __init__(self, volumes=(), tmpfs=(), env=(), pids=0):
        self.volumes, self.tmpfs, self.env, self.pids = volumes, tmpfs, env, pids

    def words(self):
        """For podman and docker."""
        words = ["--pids-limit", "%d" % self.pids] if self.pids else []
        for host, inside in self.volumes:
            words += ["-v", "%s:%s" % (host, inside)]
        for path in self.tmpfs:
            words += ["--tmpfs", path]
        for entry in self.env:
            words += ["-e", entry]
        return words

    def add_to(self, config):
        """For an OCI configuration."""
        for host, inside in self.volumes:
            config["mounts"].append({"destination": inside, "type": "bind", "source": host, "options": ["rbind", "rw"]})
        for path in self.tmpfs:
            config["mounts"].append({"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]})
        config["process"]["env"] += list(self.env)
        if self.pids:
            config["linux"]["resources"]["pids"] = {"limit": self.pids}


class Engine:
    name = ""
    runtime_name = ""                    # what the agent's inventory calls it

    def __init__(self, machine):
        self.machine = machine
        self.up = False

    def start(self):
        """Whatever must run for the engine; loads the image."""

    def stop(self):
        """Ends what start() began."""

    def container(self, privileged=False, pid=None, network="none", devices=(), pod=None, command=("offender", "serve"), more=None):
        """more: what few acts need, see More."""
        raise NotImplementedError

    def once(self, *command, privileged=False, pid=None, network="none"):
        """A container with this only command: (id, name, exit status, start, end)."""
        raise NotImplementedError

    def exec(self, container, *command):
        """The engine's own exec: exit status."""
        raise NotImplementedError

    def remove(self, name):
        raise NotImplementedError


class Podman(Engine):
    name, extra = "podman", ()
    runtime_name = "podman"

    def start(self):
        if self.up:
            return
        self.up = True
        if subprocess.run(["podman", "image", "exists", IMAGE], env=self.machine.env, check=False).returncode != 0:
            check(["podman", "load", "-q", "-i", self.machine.archive], self.machine.env)

    def stop(self):
        if self.up:
            subprocess.run(["podman", "rmi", "-f", IMAGE], env=self.machine.env, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        self.up = False

    def _options(self, privileged, pid, network, devices, pod):
        options = ["--pull", "never"]
        if privileged:
            options.append("--privileged")
        if pid:
            options += ["--pid", pid]
        options += ["--pod", pod] if pod else ["--network", network]
        for device in devices:
            options += ["--device", device]
        return options

    def container(self, privileged=False, pid=None, network="none", devices=(), pod=None, command=("offender", "serve"), more=None):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        cidfile = os.path.join(self.machine.work, name + ".cid")
        words = ["podman", *self.extra, "run", "-i", "--rm", "--name", name, "--cidfile", cidfile,
                 *self._options(privileged, pid, network, devices, pod), *(more.words() if more else ()), IMAGE, *command]
        return Container(self, name, words, get_id=lambda: open(cidfile).read().strip(), pod=pod)

    def once(self, *command, privileged=False, pid=None, network="none"):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        cidfile = os.path.join(self.machine.work, name + ".cid")
        start = time.time_ns()
        done = subprocess.run(["podman", *self.extra, "run", "--rm", "--name", name, "--cidfile", cidfile,
                               *self._options(privileged, pid, network, (), None), IMAGE, *command], env=self.machine.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        return Once(name, open(cidfile).read().strip(), done, start)

    def exec(self, container, *command, options=()):
        return subprocess.run(["podman", *self.extra, "exec", *options, getattr(container, "name", container), *command],
                              env=self.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, check=False)

    def remove(self, name):
        subprocess.run(["podman", "rm", "-f", "-t", "0", name], env=self.machine.env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)


class PodmanRunc(Podman):
    """podman with runc where crun is its default (the VM)."""
    name, extra = "podman-runc", ("--runtime", "runc")


class Once:
    def __init__(self, name, id, done, start):
        self.name, self.id, self.image, self.pod, self.namespace = name, id, IMAGE, None, None
        self.status, self.start, self.end = done.returncode, start, time.time_ns()
        self.output = (done.stdout + done.stderr).decode("utf-8", "replace")


class Daemon:
    """A daemon of ours: started, waited for, ended by its pid; its pid is on file for guard.sh."""

    def __init__(self, machine, name, command, probe):
        self.machine, self.name = machine, name
        log = open(os.path.join(machine.work, name + ".log"), "wb")
        self.child = subprocess.Popen(command, env=machine.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        on_file(machine.work, self.child.pid, name)
        limit = time.monotonic() + 30
        while subprocess.run(probe, env=machine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            if self.child.poll() is not None or time.monotonic() > limit:
                raise Failure("%s did not start, see %s" % (name, log.name))
            time.sleep(0.05)

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Docker(Engine):
    name = runtime_name = "docker"
    daemon = None

    def _docker(self, *words):
        # /usr/bin: a wrapper of another name may come earlier in PATH
        return ["/usr/bin/docker", "-H", self.socket, *words]

    def start(self):
        if self.up:
            return
        self.up = True
        if self.machine.name == "vm":
            self.socket = "unix:///run/docker.sock"
            check(["systemctl", "start", "docker"], self.machine.env)
        else:
            if os.path.exists("/var/lib/docker"):
                raise Failure("/var/lib/docker exists: not ours")
            with open(os.path.join(self.machine.work, "owned"), "a") as owned:
                owned.write("/var/lib/docker\n/run/docker\n")
                if not os.path.exists("/run/containerd"):
                    owned.write("/run/containerd\n")        # the shim's sockets
            self.socket = "unix:///run/na-test-docker.sock"
            runtime = os.path.join(self.machine.work, "runc-nores")
            self.daemon = Daemon(self.machine, "dockerd", [
                "/usr/sbin/dockerd", "--storage-driver", "overlay2", "--add-runtime", "nores=" + runtime, "--default-runtime", "nores",
                "--data-root", "/var/lib/docker", "--exec-root", "/run/docker", "-H", self.socket, "--bridge", "none",
                "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
                "--pidfile", os.path.join(self.machine.work, "dockerd.pid")], self._docker("version"))
        check(self._docker("load", "-q", "-i", self.machine.archive), self.machine.env)

    def stop(self):
        if self.up and self.daemon:
            self.daemon.stop()
        self.up = False

    def _options(self, privileged, pid, network, devices):
        options = ["--network", network]
        if privileged:
            options.append("--privileged")
        if pid:
            options += ["--pid", pid]
        for device in devices:
            options += ["--device", device]
        return options

    def container(self, privileged=False, pid=None, network="none", devices=(), pod=None, command=("offender", "serve"), more=None):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        cidfile = os.path.join(self.machine.work, name + ".cid")
        return Container(self, name, self._docker("run", "-i", "--rm", "--name", name, "--cidfile", cidfile,
                                                  *self._options(privileged, pid, network, devices),
                                                  *(more.words() if more else ()), IMAGE, *command),
                         get_id=lambda: open(cidfile).read().strip())

    def once(self, *command, privileged=False, pid=None, network="none"):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        cidfile = os.path.join(self.machine.work, name + ".cid")
        start = time.time_ns()
        done = subprocess.run(self._docker("run", "--rm", "--name", name, "--cidfile", cidfile,
                                           *self._options(privileged, pid, network, ()), IMAGE, *command), env=self.machine.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        return Once(name, open(cidfile).read().strip(), done, start)

    def exec(self, container, *command, options=()):
        return subprocess.run(self._docker("exec", *options, container.name, *command), env=self.machine.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)

    def remove(self, name):
        subprocess.run(self._docker("rm", "-f", name), env=self.machine.env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)


class Containerd(Engine):
    name = "ctr"
    runtime_name = "containerd"
    store = "default"                    # containerd's own kind of namespace
    daemon = None

    def start(self):
        if self.up:
            return
        self.up = True
        if self.machine.name == "vm":
            check(["systemctl", "start", "containerd"], self.machine.env)
        else:
            self.daemon = self.machine.containerd()
        check(["ctr", "-n", self.store, "images", "import", self.machine.archive], self.machine.env)

    def stop(self):
        if self.up and self.daemon:
            self.daemon.stop()
        self.up = False

    def _options(self, privileged, pid, network, devices):
        options = []
        if privileged:
            options.append("--privileged")
        if pid == "host":
            options += ["--with-ns", "pid:/proc/1/ns/pid" if os.access("/proc/1/ns/pid", os.R_OK) else "pid:/proc/self/ns/pid"]
        if network == "host":
            options.append("--net-host")
        for device in devices:
            options += ["--device", device]
        return options

    def container(self, privileged=False, pid=None, network="none", devices=(), pod=None, command=("offender", "serve"), more=None):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        return Container(self, name, ["ctr", "run", "--rm", *self._options(privileged, pid, network, devices), IMAGE, name, *command])

    def once(self, *command, privileged=False, pid=None, network="none"):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        start = time.time_ns()
        done = subprocess.run(["ctr", "run", "--rm", *self._options(privileged, pid, network, ()), IMAGE, name, *command],
                              env=self.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120, check=False)
        return Once(name, name, done, start)

    def exec(self, container, *command):
        return subprocess.run(["ctr", "tasks", "exec", "--exec-id", "x%d" % numbered(), container.name, *command],
                              env=self.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120, check=False)

    def remove(self, name):
        for words in (["ctr", "tasks", "kill", "-s", "KILL", name], ["ctr", "tasks", "rm", "-f", name], ["ctr", "containers", "rm", name]):
            subprocess.run(words, env=self.machine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class Sandbox:
    """A pod's, as far as something can be told of it."""

    def __init__(self, id, pod, namespace):
        self.id, self.pod, self.namespace = id, pod, namespace
        self.name = self.image = None


class Cri(Containerd):
    """Pods by containerd's CRI, each of one container and with the node's network; see cri.py."""
    name, store = "cri", "k8s.io"
    namespace = PREFIX + "namespace"     # Kubernetes' kind

    def start(self):
        if self.up:
            return
        super().start()
        self.image = cri.image_id(IMAGE, 10 * self.machine.factor)

    def container(self, privileged=False, command=("offender", "serve")):
        number = numbered()
        name, pod = "%s%d-%d" % (PREFIX, os.getpid(), number), "%spod-%d" % (PREFIX, number)
        directory = os.path.join(self.machine.work, name + ".pod")
        os.makedirs(directory)
        words = [sys.executable, "-B", cri.__file__, "pod=" + pod, "namespace=" + self.namespace, "name=" + name,
                 "image=" + self.image, "directory=" + directory,
                 "cgroup=" + ("systemd" if self.machine.name == "vm" else "cgroupfs"),
                 *(["privileged=yes"] if privileged else []), "--", *command]
        made = Container(self, name, words, pod=pod, namespace=self.namespace, get_id=lambda: self._ids(name)[0])
        made.sandbox = Sandbox(self._ids(name)[1], pod, self.namespace)
        return made

    def _ids(self, name):
        with open(os.path.join(self.machine.work, name + ".pod", "ids")) as ids:
            return ids.read().split()

    def exec(self, container, *command):
        try:
            status, out, err = cri.exec_sync(container.id, command)
        except OSError as error:
            raise Failure("%s: %s" % (container.name, error))
        return subprocess.CompletedProcess(command, status, out + err)

    def remove(self, name):
        try:
            cri.remove_sandbox(self._ids(name)[1])
        except OSError:
            pass


CAPABILITIES = """AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER
FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW
PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_TIME
SYS_TTY_CONFIG WAKE_ALARM""".split()
with open("/proc/1/status") as status:   # a machine may lack it; where it is there, "all" includes it
    if int(next(line for line in status if line.startswith("CapBnd")).split()[1], 16) >> 24 & 1:
        CAPABILITIES.append("SYS_RESOURCE")
FEW = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE".split()


class Runc(Engine):
    """runc without any engine: an own --root, a bundle of ours."""
    name = runtime_name = program = "runc"

    def start(self):
        if self.up:
            return
        self.up = True
        self.root = os.path.join(self.machine.work, self.program + "-root")
        os.makedirs(self.root, exist_ok=True)

    def bundle(self, name, command, privileged, pid, network, devices, more=None):
        bundle = os.path.join(self.machine.work, "bundle-" + name)
        rootfs = os.path.join(bundle, "rootfs")
        os.makedirs(bundle)
        # each has a file tree of its own: the acts leave files in it
        check(["cp", "-a", self.machine.rootfs, rootfs], self.machine.env)
        caps = ["CAP_" + c for c in (CAPABILITIES if privileged else FEW)]
        nodes = [{"allow": privileged, "access": "rwm"}]
        if not privileged:
            nodes += [{"allow": True, "type": "c", "major": 1, "minor": n, "access": "rwm"} for n in (3, 5, 7, 8, 9)]
        made = []
        for device in devices or ([self.machine.block()[0]] if privileged else []):
            rdev = os.stat(device).st_rdev
            made.append({"path": device, "type": "b", "major": os.major(rdev), "minor": os.minor(rdev), "fileMode": 0o600})
            nodes.append({"allow": True, "type": "b", "major": os.major(rdev), "minor": os.minor(rdev), "access": "rwm"})
        spaces = [{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]
        if pid is None:
            spaces.append({"type": "pid"})
        elif pid != "host":
            spaces.append({"type": "pid", "path": pid})
        if network != "host":
            spaces.append({"type": "network"})
        plain = ["nosuid", "noexec", "nodev"]
        sysfs = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": plain + ["rw" if privileged else "ro"]}
        if network == "host" and not privileged:
            sysfs = {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind"] + plain + ["ro"]}
        config = {
            "ociVersion": "1.0.2", "root": {"path": "rootfs"}, "hostname": name,
            "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": list(command), "env": ["PATH=/bin"], "cwd": "/",
                        "capabilities": {k: caps for k in ("bounding", "effective", "permitted")}, "noNewPrivileges": not privileged},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755"]},
                sysfs],
            "linux": {"namespaces": spaces, "resources": {"devices": nodes}, "devices": made, "cgroupsPath": "/" + name,
                      "maskedPaths": [] if privileged else ["/proc/kcore", "/proc/keys", "/sys/firmware"],
                      "readonlyPaths": [] if privileged else ["/proc/sys", "/proc/sysrq-trigger"]},
        }
        if more:
            more.add_to(config)
        with open(os.path.join(bundle, "config.json"), "w") as out:
            json.dump(config, out)
        return bundle

    def container(self, privileged=False, pid=None, network="none", devices=(), pod=None, command=("offender", "serve"), more=None):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        bundle = self.bundle(name, command, privileged, pid, network, devices, more)
        container = Container(self, name, [self.program, "--root", self.root, "run", "--bundle", bundle, name], image=None)
        container.bundle = bundle
        return container

    def once(self, *command, privileged=False, pid=None, network="none"):
        name = "%s%d-%d" % (PREFIX, os.getpid(), numbered())
        bundle = self.bundle(name, command, privileged, pid, network, ())
        start = time.time_ns()
        done = subprocess.run([self.program, "--root", self.root, "run", "--bundle", bundle, name], env=self.machine.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        once = Once(name, name, done, start)
        once.image = None
        return once

    def exec(self, container, *command):
        return subprocess.run([self.program, "--root", self.root, "exec", container.name, *command], env=self.machine.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)

    def remove(self, name):
        subprocess.run([self.program, "--root", self.root, "delete", "-f", name], env=self.machine.env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)


class Crun(Runc):
    """crun without any engine, likewise."""
    name = runtime_name = program = "crun"


# ---- acts ----
class Act:
    def __init__(self, name, function, kernels, engines, own_agent, last):
        self.name, self.function, self.kernels, self.engines = name, function, kernels, engines
        self.own_agent, self.last = own_agent, last


REGISTRY = []
ALL = ("host", "uml", "vm")
EACH = ("podman", "podman-runc", "docker", "ctr", "runc", "crun")
# podman with its other runtime differs in how a container starts and where its files are: these acts, in the VM, are enough
OTHER_RUNTIME = ("attribution/only-command", "benign/start-and-stop", "block_device/mount-old", "environ/cat", "environ/exec",
                 "privileged/start", "uevent_helper/shell-privileged")
# The VM is emulated, and an act takes five seconds there. It runs what only it can show: acts of its own, one way of each kind with
# each engine, and a few more with podman, since its kernel is another. The other ways are this machine's and the user-mode
# kernel's; run.py --every runs all with all.
IN_VM_EACH = ("attribution/only-command", "benign/start-and-stop", "block_device/mount-old", "cgroup_leave/*", "environ/cat",
              "environ/near-self", "posture/whose", "privileged/near-unprivileged", "privileged/start", "response/freeze",
              "uevent_helper/near-read", "uevent_helper/shell-privileged")
IN_VM_ONCE = ("agent/auditd-comes-and-goes", "agent/beside-auditd", "agent/confined", "agent/forbidden-call", "agent/hung-process",
              "attribution/cri-inventory", "attribution/cri-privileged", "attribution/host-network", "attribution/short-lived",
              "attribution/started-before-agent", "block_device/mknod", "block_device/mount-new", "block_device/near-*",
              "block_device/open", "block_device/open-uring", "collect/frozen-container", "collect/host", "collect/hostile",
              "environ/bind-mounted", "environ/exec", "environ/host-pid", "environ/host-pid-disguised", "environ/near-host",
              "environ/second-proc", "environ/uring", "posture/engines-at-once", "posture/host-directory", "posture/host-disk",
              "privileged/found-running", "privileged/start-short", "response/collect-freeze-kill", "response/kill",
              "uevent_helper/descriptor-from-before", "uevent_helper/near-*", "uevent_helper/openat2-*privileged",
              "uevent_helper/shell-*", "uevent_helper/uring-*")

def in_vm(item, engine):
    """Whether the VM runs an act without being asked for every one."""
    if engine in ("podman-runc", "crun"):
        return True                              # OTHER_RUNTIME has chosen
    alone = engine in (None, "podman") or item.engines in (("runc",), ("cri",))
    kinds = IN_VM_EACH + IN_VM_ONCE if alone else IN_VM_EACH
    return item.kernels == ("vm",) or any(fnmatch.fnmatch(item.name, pattern) for pattern in kinds)

def act(name, kernels=ALL, engines=EACH, own_agent=False, last=False):
    """Registers an act. It runs once for each of the machine's engines that are named here (engines=None: once, without one).

    own_agent: it starts the agent itself (t.start_agent()); none runs when it begins. last: nothing can follow it on its kernel."""
    def register(function):
        REGISTRY.append(Act(name, function, kernels, engines, own_agent, last))
        return function
    return register


class Test:
    """One run of one act."""

    def __init__(self, session, engine):
        self.session, self.machine, self.engine = session, session.machine, engine
        self.kernel = session.machine.name
        self.began = time.time_ns()
        self.notes = []
        self.own = []

    # -- containers --
    def container(self, **options):
        """One of this act's own, gone at its end."""
        made = self.engine.container(**options)
        self.own.append(made)
        return made

    def shared(self, **options):
        """One that several acts use: starts take seconds in the VM."""
        return self.session.shared(self.engine, options)

    def close(self):
        """Ends this act's containers; in the VM, where that takes seconds, while the next act begins."""
        for container in self.own:
            if self.kernel == "vm":
                worker = threading.Thread(target=container.close)
                worker.start()
                self.session.closing.append(worker)
            else:
                container.close()
        self.own.clear()

    # -- the agent --
    @property
    def watched(self):
        return self.session.agent is not None

    def start_agent(self, config=None):
        """config: the path of another configuration than the run's."""
        if self.session.agent:
            self.session.agent.start(30 * self.machine.factor, config)

    def nodeagent(self, *words, timeout=60):
        """Another command of the program, with the agent's directories; what it printed is text."""
        agent = self.session.agent
        done = subprocess.run([agent.binary, *words], env=agent.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout * self.machine.factor, check=False)
        done.stdout, done.stderr = (part.decode("utf-8", "replace") for part in (done.stdout, done.stderr))
        return done

    def note(self, text):
        self.notes.append(text)

    def alerts(self, since, container=None, rules=OURS):
        agent = self.session.agent
        if agent is None:
            return []
        with agent.changed:
            found = [a for a in agent.alerts if a.get("rule") in rules and is_since(a, since)]
        if container is not None:
            found = [a for a in found if is_about(a, container)]
        return found

    def expect(self, rule, container, since, end=None, priority=None, only=True, patience=0):
        """An alert of this rule about this container, no earlier than `since`; no other rule of ours about it (only=True). The
        count of repeats is one too: an act like the one before it within a second is told by it, REPEATS s after that one.
        patience: seconds more than usual."""
        agent = self.session.agent
        if agent is None:
            return None
        limit = time.monotonic() + self.machine.alert_wait + REPEATS + patience
        with agent.changed:
            while True:
                found = [a for a in agent.alerts if a.get("rule") == rule and is_since(a, since) and is_about(a, container)]
                if found or time.monotonic() > limit or not agent.alive():
                    break
                agent.changed.wait(0.05)
        if not found:
            others = ["%s [%s]" % (a.get("rule"), str(field(a, "id"))[:12]) for a in self.alerts(since, rules=OURS)]
            raise Failure("no alert \"%s\" about %s%s" % (rule, container.name, "; instead: " + ", ".join(others) if others else ""))
        alert = found[0]
        self.compare(alert, container, priority or PRIORITY[rule])
        if end:
            self.note("alert %d ms after the act" % ((alert["_arrived"] - end) // 1000000))
        if only:
            wrong = [a["rule"] for a in self.alerts(since, container) if a["rule"] != rule]
            if wrong:
                raise Failure("also " + ", ".join(sorted(set(wrong))))
        return alert

    def compare(self, alert, container, priority):
        if alert.get("priority") != priority:
            raise Failure("%s: priority %s, not %s" % (alert["rule"], alert.get("priority"), priority))
        for key in ("hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"):
            if key not in alert:
                raise Failure("%s: no key %s" % (alert["rule"], key))
        if "T1611" not in alert["tags"]:
            raise Failure("%s: tags %s" % (alert["rule"], alert["tags"]))
        for name in ("name", "pod", "namespace"):
            wanted = getattr(container, name, None)
            if name == "name" and container.image is None:
                continue                 # raw runc: a name may be the id or none
            if wanted and field(alert, name) != wanted:
                raise Failure("%s: %s is %r, not %r" % (alert["rule"], name, field(alert, name), wanted))
        if container.image:
            image = str(field(alert, "image"))
            if image.split("/")[-1].split(":")[0] != container.image.split("/")[-1].split(":")[0]:
                raise Failure("%s: image is %r, not %r" % (alert["rule"], image, container.image))

    def silent(self, since, container=None, allowed=()):
        """Nothing of ours about the container (or about anything), after the settle time."""
        if self.session.agent is None:
            return
        time.sleep(self.machine.settle)
        loud = [a for a in self.alerts(since, container) if a["rule"] not in allowed]
        if loud:
            raise Failure("not silent: %s: %s" % (loud[0]["rule"], str(loud[0].get("output"))[:900]))

    def control(self):
        """The agent is alive: an attack of a known kind in a container of its own engine is told."""
        container = self.shared()
        since = time.time_ns()
        done = container.run("offender", "r", "open", "/proc/1/environ", "RDONLY")
        want(done, 0)
        self.expect(ENVIRON, container, since, only=False)

    def attack(self, container, argv, rule, status=0, priority=None, only=True):
        """The command does what is meant (its exit status is one of `status`) and the alert comes."""
        time.sleep(2 * SLACK / 1e9)          # apart from the act before
        since = time.time_ns()
        done = container.run(*argv)
        want(done, status)
        return self.expect(rule, container, since, end=done.end, priority=priority, only=only)


def seen(machine, words):
    """The same act by a process that lives long enough to be seen where there is no process connector: who is gone between two
    looks at /proc is nobody's, which other acts are about."""
    return tuple(words[:-4]) + ("s=60",) + tuple(words[-4:]) if machine.name == "uml" else words


def want(done, status):
    allowed = status if isinstance(status, (tuple, list)) else (status,)
    if done.status not in allowed:
        raise Failure("the act itself: %r, wanted %s" % (done, " or ".join(map(str, allowed))))


def is_about(alert, container):
    said = str(field(alert, "id") or "")
    return bool(said) and (said == container.id or (len(said) >= 12 and container.id.startswith(said)))


def load():
    """Imports every technique's module."""
    import importlib.util
    for path in sorted(glob.glob(os.path.join(HERE, "*", "*.py"))):
        name = os.path.relpath(path, HERE)[:-3].replace("/", "_")
        spec = importlib.util.spec_from_file_location(name, path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return REGISTRY
