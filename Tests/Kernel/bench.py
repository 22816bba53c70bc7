#!/usr/bin/python3 -B
"""Measures what needs a live kernel, prints each figure with its limit, and ends with 1 when one is beyond it.

usage: Tests/testbed/guard.sh Tests/Kernel/bench.py --reader PATH [--agent PATH] [--config PATH] [--rounds N] [--acts N]

--reader  Benchmarks/BareReader/bare_reader.c, built statically (scripts/bench.sh does)
--agent   the agent; default .build/release/nodeagent
--config  its configuration; default config/nodeagent.yaml
--rounds  of throughput, the agent and the bare reader in turns; default 5
--acts    of each kind; default 200

Throughput. Agent and bare reader are the audit daemon in turns (unicast), with the same socket buffer, and the same program makes
records as fast as the kernel lets it. The kernel stops that program while its backlog is full (backlog_wait_time is set), so the
rate is what the whole way takes without loss, and not what a buffer swallows. A rate is records consumed (the agent's count is of
records that have passed parser, assembly, normaliser and rules) by the wall time from the first call until the last record is
counted. The agent keeps its own audit rules meanwhile: the kernel's cost of those is its disadvantage.

Act to alert. From the act's own clock_gettime just before the system call, in a privileged podman container, until the alert's line
has been read from the agent's standard output. One act at a time, each by a process of its own that was just executed.
"""
import os
import random
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness
import run

harness.READY = "nodeagent: ready"       # the word alone is in "already" too
BUFFER_MIB = 32                          # of the socket, both readers'
CALLS = 60000                            # of the load in a round: 300,000 records
BACKLOG = 8192
WAIT = 15000                             # jiffies: longer than any round
KEY = "na-test-bench"
MISSING = "/na-test-no-such-directory/no-such-file"
KINDS = (("uevent", harness.UEVENT), ("node", harness.BLOCK), ("environ", harness.ENVIRON))
LIMITS = {"throughput": 0.5, "latency": 50.0, "memory": 24.0}


class Report:
    def __init__(self):
        self.failed = False

    def figure(self, name, value, unit, most=None, least=None):
        """Compared as it is, printed rounded. No value (None) is beyond any limit."""
        holds = value is not None and (most is None or value <= most) and (least is None or value >= least)
        limit = ""
        if most is not None:
            limit = "  limit %g %s" % (most, unit)
        elif least is not None:
            limit = "  limit at least %g %s" % (least, unit)
        text = "none" if value is None else "%.2f" % value
        print("%s %s: %s %s%s" % ("ok  " if holds else "FAIL", name, text, unit, limit), flush=True)
        self.failed |= not holds

    def fail(self, name, reason):
        print("FAIL %s: %s" % (name, reason), flush=True)
        self.failed = True


# ---- audit, by auditctl ----
def audit(machine, *words):
    return harness.check(["auditctl", *words], machine.env)


def lost(machine):
    return next(int(line.split()[1]) for line in audit(machine, "-s").splitlines() if line.startswith("lost "))


RULE = ("always,exit", "-F", "arch=b64", "-S", "openat", "-F", "exit=-ENOENT", "-F", "a2&3", "-F", "key=" + KEY)


# ---- the readers, alike for the load ----
class BareReader:
    name = "bare reader"

    def __init__(self, machine, program):
        self.machine, self.program = machine, program

    def start(self):
        self.child = subprocess.Popen([self.program, "read", str(BUFFER_MIB)], env=self.machine.env, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        if self.child.stdout.readline() != b"ready\n":
            raise harness.Failure("the bare reader ended with %d" % self.child.wait())
        register(self.machine, self.child.pid)
        audit(self.machine, "-b", str(BACKLOG), "-e", "1")

    def counts(self):
        """(records, drops) so far."""
        self.child.stdin.write(b"?\n")
        self.child.stdin.flush()
        words = self.child.stdout.readline().split()
        if len(words) != 2:
            raise harness.Failure("the bare reader ended with %d" % self.child.wait())
        return int(words[0]), int(words[1])

    def pid(self):
        return self.child.pid

    def stop(self):
        self.child.stdin.close()
        code = self.child.wait(10)
        if code:
            raise harness.Failure("the bare reader ended with %d" % code)

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class AgentReader:
    name = "agent"

    def __init__(self, machine, agent, socket):
        self.machine, self.agent, self.socket = machine, agent, socket

    def start(self):
        self.agent.start(30)
        register(self.machine, self.agent.child.pid)

    def status(self):
        return control(self.socket, "status")["status"]

    def counts(self):
        status = self.status()
        return status["audit_records"], status["audit_socket_drops"]

    def pid(self):
        return self.agent.child.pid

    def stop(self):
        self.agent.stop(5)

    def kill(self):
        self.agent.kill()


def control(path, command):
    """Asks the agent by its control socket."""
    import json
    import socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.sendall(b'{"version":1,"command":"%s"}\n' % command.encode())
        answer = b""
        while not answer.endswith(b"\n"):
            block = connection.recv(65536)
            if not block:
                break
            answer += block
    return json.loads(answer)


def register(machine, pid):
    """On file for guard.sh, which ends it should this program be killed."""
    with open("/proc/%d/stat" % pid) as stat:
        started = stat.read().rsplit(")", 1)[1].split()[19]
    with open(os.path.join(machine.work, "pids"), "a") as pids:
        pids.write("%d %s bench\n" % (pid, started))


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def anonymous_mib(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) / 1024


# ---- throughput ----
class Round:
    def __init__(self, rate, lost, processor):
        self.rate, self.lost, self.processor = rate, lost, processor


def settle(reader):
    """The counts once they stand still."""
    before = None
    for _ in range(100):
        now = reader.counts()
        if now == before:
            return now
        before = now
        time.sleep(0.1)
    return before


def put_through(machine, reader, program, calls, per_call):
    """One load through one reader. per_call None: find out how many records a call makes."""
    before, drops = settle(reader)
    kernel = lost(machine)
    spent = processor_seconds(reader.pid())
    begin, _ = map(int, harness.check([program, "load", str(calls), MISSING], machine.env, timeout=120).split())
    if per_call is None:
        return round((settle(reader)[0] - before) / calls)
    wanted, limit = calls * per_call, time.monotonic() + 10
    while True:
        got, end = reader.counts()[0] - before, time.monotonic_ns()
        if got >= wanted or time.monotonic() > limit:
            break
        time.sleep(0.005)
    after, drops_after = settle(reader)
    # told by the kernel (its backlog was full; an event counts once), told by the socket, or missing for no known reason
    gone = max((lost(machine) - kernel) + (drops_after - drops), wanted - (after - before))
    return Round(got / ((end - begin) / 1e9), gone, (processor_seconds(reader.pid()) - spent) / got * 1e6)


def throughput(machine, report, options, readers):
    agent, bare = readers
    rounds = {agent: [], bare: []}
    per_call = None
    for number in range(options["rounds"]):
        for reader in readers if number % 2 else readers[::-1]:
            try:
                reader.start()
                # after the agent's own: the kernel goes by the first rule that fits
                audit(machine, "-a", *RULE)
                audit(machine, "--backlog_wait_time", str(WAIT))
                if per_call is None:
                    per_call = put_through(machine, reader, options["reader"], 1000, None)
                    if per_call < 1:
                        raise harness.Failure("the load makes no records")
                rounds[reader].append(put_through(machine, reader, options["reader"], CALLS, per_call))
                audit(machine, "-d", *RULE)
                reader.stop()
            finally:
                reader.kill()
    rates = {reader: statistics.median(r.rate for r in rounds[reader]) for reader in readers}
    report.figure("agent / bare reader, socket to verdict", rates[agent] / rates[bare], "x", least=LIMITS["throughput"])
    for reader in readers:
        report.figure("%s, records lost" % reader.name, sum(r.lost for r in rounds[reader]), "", most=0)
        values = [r.rate for r in rounds[reader]]
        name = "%s, median of %d rounds of %d records (%d to %d)" % (
            reader.name, len(values), CALLS * per_call, min(values), max(values))
        report.figure(name, rates[reader], "records/s")
        report.figure("%s, processor time" % reader.name, statistics.median(r.processor for r in rounds[reader]), "us/record")


# ---- act to alert ----
def latencies(agent, container, kind, rule, count):
    """ms of each act; None for one without an alert."""
    found = []
    for number in range(count):
        # apart from the act before, and not in step with anything that ticks
        time.sleep(0.02 + random.random() / 100)
        done = container.run("bare_reader-%d" % number, "act", kind, "%d" % number)
        harness.want(done, 0)
        began = int(done.output)
        limit = time.monotonic() + 2
        with agent.changed:
            while True:
                arrived = [a["_arrived"] for a in agent.alerts
                           if a.get("rule") == rule and harness.is_since(a, began) and harness.is_about(a, container)]
                if arrived or time.monotonic() > limit:
                    break
                agent.changed.wait(0.1)
            agent.alerts.clear()
        found.append((arrived[0] - began) / 1e6 if arrived else None)
    return found


def percentile(values, share):
    """The smallest that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def act_to_alert(machine, report, options, agent, podman):
    container = podman.container(privileged=True)
    try:
        pid = harness.check(["podman", "inspect", "--format", "{{.State.Pid}}", container.name], machine.env).strip()
        installed = "/proc/%s/root/bin/bare_reader" % pid
        with open(options["reader"], "rb") as program, open(installed, "wb") as out:
            out.write(program.read())
            os.fchmod(out.fileno(), 0o755)
        # an act of the same program within a second is a repeat: each has a name of its own
        for number in range(options["acts"]):
            os.link(installed, "%s-%d" % (installed, number))
        time.sleep(1)                    # the alerts of its start
        for kind, rule in KINDS:
            values = latencies(agent, container, kind, rule, options["acts"])
            told = [v for v in values if v is not None]
            name = "act to alert, %s (%d acts)" % (rule, len(values))
            report.figure(name + ", acts without an alert", len(values) - len(told), "", most=0)
            report.figure(name + ", p99", percentile(told, 99) if told else None, "ms", most=LIMITS["latency"])
            if told:
                report.figure(name + ", median", statistics.median(told), "ms")
                report.figure(name + ", maximum", max(told), "ms")
    finally:
        container.close()


# ---- memory ----
def memory(report, agent, podman, ready):
    for _ in range(3):
        done = podman.once("offender", "sleep-ms", "100", privileged=True)
        if done.status:
            raise harness.Failure("a container ended with %d: %s" % (done.status, done.output))
    took = time.monotonic() - ready
    time.sleep(max(5 - took, 1))
    report.figure("anonymous memory of the idle sensor", anonymous_mib(agent.child.pid), "MiB", most=LIMITS["memory"])


def measure(machine, report, options):
    env = dict(machine.env, RUNTIME_DIRECTORY=os.path.join(machine.work, "agent-run"),
               STATE_DIRECTORY=os.path.join(machine.work, "agent-state"))
    for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        os.makedirs(env[name], mode=0o700, exist_ok=True)
    socket = os.path.join(env["RUNTIME_DIRECTORY"], "control.sock")
    podman = harness.Podman(machine)
    agent = harness.Agent(options["agent"], options["config"], env)
    try:
        podman.start()
        agent.start(30)
        ready = time.monotonic()
        register(machine, agent.child.pid)
        memory(report, agent, podman, ready)
        act_to_alert(machine, report, options, agent, podman)
        agent.stop(5)
    except (harness.Failure, OSError, subprocess.SubprocessError) as error:
        report.fail("act to alert", str(error))
    finally:
        agent.kill()
        podman.stop()
    config = os.path.join(machine.work, "bench.yaml")
    rules = os.path.join(os.path.dirname(options["config"]), "rules", "escape.yaml")
    with open(config, "w") as out:
        out.write("version: 1\nrules_files:\n  - %s\naudit:\n  mode: unicast\n  receive_buffer_mib: %d\n" % (rules, BUFFER_MIB))
    try:
        throughput(machine, report, options, (AgentReader(machine, harness.Agent(options["agent"], config, env), socket),
                                              BareReader(machine, options["reader"])))
    except (harness.Failure, OSError, subprocess.SubprocessError) as error:
        report.fail("socket to verdict", str(error))


def main(arguments):
    options = {"reader": None, "agent": os.path.join(harness.ROOT, ".build", "release", "nodeagent"),
               "config": os.path.join(harness.ROOT, "config", "nodeagent.yaml"), "rounds": 5, "acts": 200}
    while arguments:
        word = arguments.pop(0)
        key = word[2:]
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if not word.startswith("--") or key not in options or not arguments:
            print("bench.py: unknown argument %s, or no value" % word, file=sys.stderr)
            return 64
        value = arguments.pop(0)
        options[key] = int(value) if isinstance(options[key], int) else os.path.abspath(value)
    work = os.environ.get("NA_TEST_WORK")
    if not work:
        print("bench.py: start it by Tests/testbed/guard.sh, which puts back what it changes", file=sys.stderr)
        return 64
    for key in ("reader", "agent"):
        if not options[key] or not os.access(options[key], os.X_OK):
            print("bench.py: no program at %s (--%s)" % (options[key], key), file=sys.stderr)
            return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))       # what was started is ended
    run.build(work)
    report = Report()
    print("     %d processors, load %.2f %.2f %.2f" % ((os.cpu_count(),) + os.getloadavg()), flush=True)
    measure(harness.Machine("host", work), report, options)
    print("     load %.2f %.2f %.2f" % os.getloadavg(), flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
