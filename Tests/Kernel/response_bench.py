#!/usr/bin/python3 -B
"""Measures how long a container goes on after a forbidden act, prints it with its limit, and ends with 1 when it is beyond.

usage: Tests/testbed/guard.sh Tests/Kernel/response_bench.py [--agent PATH] [--config PATH] [--rounds N]

--agent   the agent; default .build/release/nodeagent
--config  where its rules lie; default config/nodeagent.yaml
--rounds  of three acts each; default 20

From the act's own clock_gettime just before the system call until the last moment at which the same process still ran: it looks
at the clock every 0.05 ms, and finds the gap once it has been released. So the figure is what an attacker has, and not what the
agent says of itself. Each process was just executed, in a podman container without privileges that has nothing else to do.
Rules act three times a minute and once a container: each round has a new agent.
"""
import os
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench
import harness
import run
import standstill

CONTAINERS = 3
RESPONSE = "version: 1\nrules_files:\n  - %s\nresponse:\n  mode: on\n  rules:\n    - rule: %s\n      actions: [freeze]\n"
LIMITS = {"median": 50.0, "p99": 250.0}


def told(agent, rule, container, since, limit):
    end = time.monotonic() + limit
    with agent.changed:
        while True:
            if any(a.get("rule") == rule and harness.is_since(a, since) and harness.is_about(a, container) for a in agent.alerts):
                return True
            if time.monotonic() > end or not agent.alive():
                return False
            agent.changed.wait(0.05)


def one(agent, container):
    """ms from the act until the container stood still; None when it was not frozen."""
    time.sleep(harness.REPEATS)          # what follows an act within a second is a repeat of it, and nothing is done about it
    since = time.time_ns()
    container.send("offender", "until-stopped", "5000", "r", "open", "/proc/1/environ", "RDONLY")
    if told(agent, "Container frozen", container, since, 4):
        time.sleep(0.5)                  # longer than the gap that the process takes for a stop
        subprocess.run([agent.binary, "release", container.id], env=agent.env, stdout=subprocess.DEVNULL, timeout=30, check=True)
    done = container.answer()
    words = done.output.split()
    if done.status or "stopped" not in words:
        return None
    began, last = map(int, words[words.index("stopped") + 1:][:2])
    return (last - began) / 1e6


def measure(machine, report, options):
    work = machine.work
    config = os.path.join(work, "response.yaml")
    rules = os.path.join(os.path.dirname(options["config"]), "rules", "escape.yaml")
    with open(config, "w") as out:
        out.write(RESPONSE % (rules, harness.ENVIRON))
    env = dict(machine.env, RUNTIME_DIRECTORY=os.path.join(work, "agent-run"), STATE_DIRECTORY=os.path.join(work, "agent-state"))
    for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        os.makedirs(env[name], mode=0o700, exist_ok=True)
    podman, agent, containers, values = harness.Podman(machine), harness.Agent(options["agent"], config, env), [], []
    try:
        podman.start()
        containers = [podman.container() for _ in range(CONTAINERS)]
        for _ in range(options["rounds"]):
            agent.start(30)
            bench.register(machine, agent.child.pid)
            values += [one(agent, container) for container in containers]
            agent.stop(5)
    except (harness.Failure, OSError, subprocess.SubprocessError) as error:
        report.fail("act to frozen", str(error))
    finally:
        agent.kill()
        for container in containers:
            standstill.thaw(container)
            container.close()
        podman.stop()
    name, stopped = "act to frozen (%d acts)" % len(values), [value for value in values if value is not None]
    report.figure(name + ", acts without a freeze", len(values) - len(stopped), "", most=0)
    report.figure(name + ", p50", statistics.median(stopped) if stopped else None, "ms", most=LIMITS["median"])
    report.figure(name + ", p99", bench.percentile(stopped, 99) if stopped else None, "ms", most=LIMITS["p99"])
    if stopped:
        report.figure(name + ", maximum", max(stopped), "ms")


def main(arguments):
    options = {"agent": os.path.join(harness.ROOT, ".build", "release", "nodeagent"),
               "config": os.path.join(harness.ROOT, "config", "nodeagent.yaml"), "rounds": 20}
    while arguments:
        word = arguments.pop(0)
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if word[:2] != "--" or word[2:] not in options or not arguments:
            print("response_bench.py: unknown argument %s, or no value" % word, file=sys.stderr)
            return 64
        value = arguments.pop(0)
        options[word[2:]] = int(value) if word == "--rounds" else os.path.abspath(value)
    work = os.environ.get("NA_TEST_WORK")
    if not work:
        print("response_bench.py: start it by Tests/testbed/guard.sh, which puts back what it changes", file=sys.stderr)
        return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))       # what was started is ended
    run.build(work)
    report = bench.Report()
    measure(harness.Machine("host", work), report, options)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
