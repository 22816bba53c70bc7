#!/usr/bin/python3 -B
"""Measures a collection of evidence beside Debian's sosreport, prints each figure with its limit, and ends with 1 when one is beyond it.

usage: Tests/testbed/guard.sh Tests/Kernel/collect_bench.py [--agent PATH] [--config PATH] [--rounds N] [--processes N,N] [--sos yes|no]

--agent      the agent; default .build/release/nodeagent
--config     its configuration, for its rules; default config/nodeagent.yaml
--rounds     of `nodeagent collect --host` for each number of processes, and of freezes; default 3
--processes  how many processes the host has; default 100,1000
--sos        no: without sosreport

The host's evidence. Sleeping processes, each executed, fill the host up to the number asked for; then `nodeagent collect --host` and
`sosreport --batch` run one after the other. Processor seconds are user and system time with all children (wait4), also of those that
outlive their parent: the program that a person starts ends when the one that collects has reported. Memory: of ours
the most that was resident in each of these two (ru_maxrss), added; of sosreport, which runs other programs, the most that all of its processes had at
once, looked at every 50 ms (proportional set size, so that shared pages count once), and the most that a single one had. Artifacts are
what the tarball holds: rows with content or a header of ours, files of theirs.

Freeze to first artifact. A rule freezes a container and collects it: from the time of the alert "Container frozen" to the time at
which the manifest says that reading the container's first artifact began, and the first of all. The collector is a program of its own
that is started after the freeze.
"""
import ctypes
import glob
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench
import harness
import run
import tarball

LIMITS = {"processor": 5.0, "memory": 64.0, "freeze": 50.0}
AT = 100                                 # processes: the limits are for this many
RULE = harness.ENVIRON


# ---- a child with all that it starts ----
class Usage:
    def __init__(self, status, processor, wall, most, tree, output):
        self.status, self.processor, self.wall, self.most, self.tree, self.output = status, processor, wall, most, tree, output


def descendants(pid):
    found, waiting = [], [pid]
    while waiting:
        at = waiting.pop()
        found.append(at)
        for path in glob.glob("/proc/%d/task/*/children" % at):
            try:
                with open(path) as children:
                    waiting += map(int, children.read().split())
            except OSError:
                pass
    return found


def tree_mib(pid):
    total = 0
    for each in descendants(pid):
        try:
            with open("/proc/%d/smaps_rollup" % each) as file:
                total += next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
        except OSError:
            pass
    return total / 1024


def session_of(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return int(stat.read().rsplit(")", 1)[1].split()[3])
    except (OSError, IndexError):
        return 0


def orphans(session, seconds):
    """The use of what a child left running, and was given to this process (see adopt)."""
    found, limit = [], time.monotonic() + seconds
    while time.monotonic() < limit:
        left = [int(name) for name in os.listdir("/proc") if name.isdigit() and session_of(int(name)) == session]
        if not left:
            break
        for pid in left:
            try:
                ended, _, usage = os.wait4(pid, os.WNOHANG)
            except ChildProcessError:
                continue
            if ended:
                found.append(usage)
        time.sleep(0.01)
    return found


def adopt():
    """From now on orphans below this process become its children: prctl(PR_SET_CHILD_SUBREAPER)."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0):
        raise harness.Failure("prctl: %s" % os.strerror(ctypes.get_errno()))


def measure(machine, command, limit, sample=False):
    began = time.monotonic()
    child = subprocess.Popen(command, env=machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
    bench.register(machine, child.pid)
    output, tree, ended = [], [0.0], threading.Event()

    def watch():
        while not ended.wait(0.05):
            tree[0] = max(tree[0], tree_mib(child.pid))

    readers = [threading.Thread(target=lambda: output.append(child.stdout.read()))] + ([threading.Thread(target=watch)] if sample else [])
    for reader in readers:
        reader.start()
    alarm = threading.Timer(limit, lambda: os.killpg(child.pid, signal.SIGKILL))
    alarm.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    alarm.cancel()
    usages = [usage] + orphans(child.pid, 10)
    ended.set()
    for reader in readers:
        reader.join()
    processor = sum(each.ru_utime + each.ru_stime for each in usages)
    return Usage(child.returncode, processor, wall, sum(each.ru_maxrss for each in usages) / 1024, tree[0], output[0].decode("utf-8", "replace"))


# ---- the host ----
class Sleepers:
    """Fills the host up to a number of processes."""

    def __init__(self, machine, total):
        there = len([name for name in os.listdir("/proc") if name.isdigit()])
        self.count = max(0, total - there)
        self.child = subprocess.Popen([os.path.join(machine.rootfs, "bin", "offender"), "sleepers", "%d" % self.count],
                                      env=machine.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        bench.register(machine, self.child.pid)
        if self.child.stdout.readline() != b"ready\n":
            self.stop()
            raise harness.Failure("the processes did not start")
        self.total = len([name for name in os.listdir("/proc") if name.isdigit()])

    def stop(self):
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def ours(machine, options, report, total):
    """The median of the rounds by processor time; the tarball's size and artifacts."""
    found = []
    for number in range(options["rounds"]):
        path = os.path.join(machine.work, "bench-%d-%d.tar.zst" % (total, number))
        usage = measure(machine, [options["agent"], "collect", "--host", "--output", path], 120)
        if usage.status not in (0, 2):
            raise harness.Failure("collect ended with %d: %s" % (usage.status, usage.output[-300:]))
        check = subprocess.run([options["agent"], "verify", path], stdout=subprocess.DEVNULL, check=False)
        if check.returncode:
            report.fail("verify", "ended with %d" % check.returncode)
        found.append((usage, path))
    usage, path = sorted(found, key=lambda pair: pair[0].processor)[len(found) // 2]
    lines = subprocess.run("%s -dcq %s | tar -xO manifest.jsonl" % ("zstd", path), shell=True, stdout=subprocess.PIPE, check=True).stdout
    usage.artifacts = lines.count(b'"status":"ok"')
    usage.size = os.path.getsize(path)
    usage.most = max(pair[0].most for pair in found)
    for _, each in found:
        os.unlink(each)
    return usage


def sos(machine):
    directory = os.path.join(machine.work, "sos")
    os.makedirs(directory, exist_ok=True)
    usage = measure(machine, ["sosreport", "--batch", "--quiet", "--tmp-dir", directory], 600, sample=True)
    made = [path for path in glob.glob(os.path.join(directory, "sosreport-*.tar*")) if not path.endswith((".md5", ".sha256"))]
    if usage.status or not made:
        raise harness.Failure("sosreport ended with %d and made %s: %s" % (usage.status, made, usage.output[-300:]))
    usage.artifacts = len([line for line in harness.check(["tar", "-tf", made[0]], machine.env).splitlines() if not line.endswith("/")])
    usage.size = os.path.getsize(made[0])
    subprocess.run(["rm", "-rf", directory], check=False)
    return usage


def install_sos(machine):
    if not os.access("/usr/bin/sosreport", os.X_OK):
        print("     installing sosreport", flush=True)
        harness.check(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "sosreport"],
                      dict(machine.env, DEBIAN_FRONTEND="noninteractive"), timeout=300)


def collection(machine, report, options, total):
    sleepers = Sleepers(machine, total)
    try:
        name = "%d processes" % sleepers.total
        limited = total <= AT
        own = ours(machine, options, report, total)
        report.figure("collect --host, %s, processor time (median of %d)" % (name, options["rounds"]), own.processor, "s",
                      most=LIMITS["processor"] if limited else None)
        report.figure("collect --host, %s, most resident memory" % name, own.most, "MiB", most=LIMITS["memory"] if limited else None)
        report.figure("collect --host, %s, wall time" % name, own.wall, "s")
        report.figure("collect --host, %s, artifacts" % name, own.artifacts, "", least=100)
        report.figure("collect --host, %s, tarball" % name, own.size / 1024, "KiB")
        if options["sos"] != "yes":
            return
        other = sos(machine)
        report.figure("sosreport, %s, processor time" % name, other.processor, "s")
        report.figure("sosreport, %s, most resident memory, all its processes" % name, other.tree, "MiB")
        report.figure("sosreport, %s, most resident memory, one process" % name, other.most, "MiB")
        report.figure("sosreport, %s, wall time" % name, other.wall, "s")
        report.figure("sosreport, %s, artifacts" % name, other.artifacts, "")
        report.figure("sosreport, %s, tarball" % name, other.size / 1024, "KiB")
        report.figure("sosreport / collect, %s, processor time" % name, other.processor / max(own.processor, 0.01), "x")
        report.figure("sosreport / collect, %s, wall time" % name, other.wall / max(own.wall, 0.01), "x")
        report.figure("sosreport / collect, %s, memory" % name, other.tree / max(own.most, 1), "x")
    finally:
        sleepers.stop()


# ---- from a freeze to the first artifact ----
CONFIG = """version: 1
rules_files:
  - %s
state_directory: %s
response:
  mode: on
  freeze_seconds: 60
  rules:
    - rule: %s
      actions: [freeze, collect]
evidence:
  directory: %s
metrics:
  enabled: false
"""


def nanoseconds(text):
    return harness.event_time({"time": text})


def wait_for(agent, rule, container, seconds):
    limit = time.monotonic() + seconds
    with agent.changed:
        while True:
            for alert in agent.alerts:
                if alert.get("rule") == rule and harness.is_about(alert, container):
                    return alert
            if time.monotonic() > limit or not agent.alive():
                raise harness.Failure("no alert \"%s\": %s" % (rule, [(a.get("rule"), a.get("output")) for a in agent.alerts][-4:]))
            agent.changed.wait(0.05)


def freeze_to_artifact(machine, report, options):
    env = dict(machine.env, RUNTIME_DIRECTORY=os.path.join(machine.work, "agent-run"),
               STATE_DIRECTORY=os.path.join(machine.work, "agent-state"))
    evidence = os.path.join(machine.work, "bench-evidence")
    for path in (env["RUNTIME_DIRECTORY"], env["STATE_DIRECTORY"], evidence):
        os.makedirs(path, mode=0o700, exist_ok=True)
    config = os.path.join(machine.work, "collect-bench.yaml")
    with open(config, "w") as out:
        out.write(CONFIG % (os.path.join(os.path.dirname(options["config"]), "rules", "escape.yaml"), env["STATE_DIRECTORY"], RULE, evidence))
    podman = harness.Podman(machine)
    first, of_container = [], []
    try:
        podman.start()
        for _ in range(options["rounds"]):
            agent = harness.Agent(options["agent"], config, env)
            container = None
            try:
                agent.start(30)
                bench.register(machine, agent.child.pid)
                container = podman.container()
                time.sleep(1)                    # the alerts of its start
                attack = threading.Thread(target=lambda: answer(container))
                attack.start()
                frozen = wait_for(agent, "Container frozen", container, 10)
                done = wait_for(agent, "Evidence collected", container, 60)
                agent.stop(5)                    # and the container goes on
                attack.join()
                path = re.search(r"(/\S+\.tar\.zst)", done["output"])[1]
                rows = [json.loads(line) for line in tarball.Tarball(path, machine).member("manifest.jsonl").splitlines()[1:-1]]
                began = nanoseconds(frozen["time"])
                first.append((min(nanoseconds(row["started"]) for row in rows) - began) / 1e6)
                of_container.append((min(nanoseconds(row["started"]) for row in rows if row["path"].startswith("container/")) - began) / 1e6)
            finally:
                agent.kill()
                if container:
                    container.close()
        report.figure("freeze to first artifact of all, most of %d" % len(first), max(first), "ms")
        report.figure("freeze to first artifact of the container, median of %d" % len(of_container), statistics.median(of_container), "ms")
        report.figure("freeze to first artifact of the container, most of %d" % len(of_container), max(of_container), "ms", most=LIMITS["freeze"])
    finally:
        podman.stop()


def answer(container):
    try:
        container.run("offender", "r", "open", "/proc/1/environ", "RDONLY", timeout=90)
    except harness.Failure:
        pass                             # it stands still, which is what is measured


def main(arguments):
    options = {"agent": os.path.join(harness.ROOT, ".build", "release", "nodeagent"),
               "config": os.path.join(harness.ROOT, "config", "nodeagent.yaml"), "rounds": 3, "processes": "100,1000", "sos": "yes"}
    while arguments:
        word = arguments.pop(0)
        key = word[2:]
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if not word.startswith("--") or key not in options or not arguments:
            print("collect_bench.py: unknown argument %s, or no value" % word, file=sys.stderr)
            return 64
        value = arguments.pop(0)
        options[key] = int(value) if key == "rounds" else os.path.abspath(value) if key in ("agent", "config") else value
    work = os.environ.get("NA_TEST_WORK")
    if not work:
        print("collect_bench.py: start it by Tests/testbed/guard.sh, which puts back what it changes", file=sys.stderr)
        return 64
    if not os.access(options["agent"], os.X_OK):
        print("collect_bench.py: no program at %s (--agent)" % options["agent"], file=sys.stderr)
        return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))       # what was started is ended
    run.build(work)
    machine = harness.Machine("host", work)
    adopt()
    report = bench.Report()
    print("     %d processors, load %.2f %.2f %.2f" % ((os.cpu_count(),) + os.getloadavg()), flush=True)
    try:
        if options["sos"] == "yes":
            install_sos(machine)
        for total in map(int, options["processes"].split(",")):
            collection(machine, report, options, total)
    except (harness.Failure, OSError, subprocess.SubprocessError) as error:
        report.fail("collect beside sosreport", str(error))
    try:
        freeze_to_artifact(machine, report, options)
    except (harness.Failure, OSError, subprocess.SubprocessError) as error:
        report.fail("freeze to first artifact", str(error))
    print("     load %.2f %.2f %.2f" % os.getloadavg(), flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
