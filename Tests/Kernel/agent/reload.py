"""Rules and configuration that change while the agent runs, and the answer to why an alert was told."""
import json
import os
import signal
import subprocess
import threading
import time

from harness import CRITICAL, ENVIRON, NOTICE, REPEATS, UEVENT, Failure, act, times, want

RELOADED, REFUSED, DRY_RUN = "Rules reloaded", "Rules not reloaded", "Response dry run"


class Files:
    """A configuration and a rule file of the act's own: the run's, to be changed."""

    def __init__(self, t):
        self.t, self.agent = t, t.session.agent
        self.config, self.rules = (os.path.join(t.machine.work, name) for name in ("reload.yaml", "reload-rules.yaml"))
        with open(os.path.join(os.path.dirname(self.agent.config), "rules", "escape.yaml")) as source:
            self.text = source.read()
        self.write(self.rules, self.text)
        with open(self.agent.config) as source:
            self.write(self.config, source.read().replace("rules/escape.yaml", self.rules))

    @staticmethod
    def write(path, text):
        with open(path + ".new", "w") as out:
            out.write(text)
        os.rename(path + ".new", path)

    def told(self, rule, number):
        """Until the rule was told for the number-th time; its last alert."""
        limit = time.monotonic() + 6 * self.t.machine.factor
        while len([a for a in self.agent.alerts if a.get("rule") == rule]) < number:
            if time.monotonic() > limit:
                raise Failure("'%s' was not told %d times: %s" % (rule, number, [a.get("output") for a in self.agent.alerts][-4:]))
            time.sleep(0.05)
        return [a for a in self.agent.alerts if a.get("rule") == rule][number - 1]["output"]


@act("agent/reload", engines=("runc",), own_agent=True)
def reload(t):
    """A changed rule file is taken by itself; an invalid one changes nothing and is told; SIGHUP takes the response as well, and a file
    that only a new rule names is watched in a container that runs already."""
    files = Files(t)
    t.start_agent(files.config)
    agent = t.session.agent
    container = t.container(privileged=True)
    since = time.time_ns()
    want(container.run("offender", "r", "open", "/proc/1/environ", "RDONLY"), 0)
    t.expect(ENVIRON, container, since, priority=NOTICE, only=False)

    files.write(files.rules, files.text.replace("priority: NOTICE\n  tags: [maturity_stable, container, filesystem, mitre_credential",
                                                "priority: CRITICAL\n  tags: [maturity_stable, container, filesystem, mitre_credential"))
    files.told(RELOADED, 1)
    since = time.time_ns()
    want(container.run("offender", "r", "open", "/proc/1/environ", "RDONLY"), 0)
    t.expect(ENVIRON, container, since, priority=CRITICAL, only=False)

    files.write(files.rules, files.text + "\n- rule: Broken\n  condition: evt.type = opn\n")
    text = files.told(REFUSED, 1)
    if "reload-rules.yaml" not in text:
        raise Failure("it does not say where: " + text)
    since = time.time_ns()
    want(container.run("offender", "r", "open", "/proc/1/environ", "RDONLY"), 0)
    t.expect(ENVIRON, container, since, priority=CRITICAL, only=False)

    files.write(files.rules, files.text + """
- rule: Read of auxv
  desc: one of the test's
  condition: evt.type in (open, openat) and fd.name = /proc/1/auxv and container.id != host
  output: auxv read
  priority: NOTICE
  tags: [T1611]
""")
    if "'Read of auxv'" not in files.told(RELOADED, 2):
        raise Failure("the new rule is not named: " + files.told(RELOADED, 2))
    time.sleep(0.3 * t.machine.factor)
    since = time.time_ns()
    want(container.run("offender", "r", "open", "/proc/1/auxv", "RDONLY"), 0)
    t.expect("Read of auxv", container, since, priority=NOTICE, only=False)

    with open(files.config) as source:
        text = source.read()
    files.write(files.config, text.replace("  mode: off\n", "  mode: dry-run\n", 1).replace(
        "  rules: []\n", "  rules: [{rule: %s, actions: [freeze]}]\n" % UEVENT, 1).replace("port: 9749", "port: 9748"))
    agent.child.send_signal(signal.SIGHUP)
    if "metrics" not in files.told(RELOADED, 3):
        raise Failure("what waits for a start is not said: " + files.told(RELOADED, 3))
    since = time.time_ns()
    container.run("offender", "w=/x", "s=60", "openat", "/sys/kernel/uevent_helper", "WRONLY|CREAT")
    t.expect(UEVENT, container, since, only=False)
    limit = time.monotonic() + 4 * t.machine.factor
    while not [a for a in agent.alerts if "dry" in json.dumps(a) and a.get("source") == "internal"]:
        if time.monotonic() > limit:
            raise Failure("the new response is not at work: %s" % [a.get("output") for a in agent.alerts][-4:])
        time.sleep(0.1)
    # the configuration itself is wrong
    files.write(files.config, text.replace("version: 1", "version: 7"))
    agent.child.send_signal(signal.SIGHUP)
    files.told(REFUSED, 2)
    agent.stop(2.0 * t.machine.factor)


@act("agent/reload-without-a-gap", engines=("runc",), own_agent=True)
def gapless(t):
    """The rule file changes again and again while a container reads its init's environment: each read is told or counted, once."""
    files = Files(t)
    t.start_agent(files.config)
    agent = t.session.agent
    container = t.container(privileged=True)
    since = time.time_ns()
    stop = threading.Event()
    count = [0]

    def read():
        while not stop.is_set():
            want(container.run("offender", "r", "s=60", "open", "/proc/1/environ", "RDONLY"), 0)
            count[0] += 1
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 5):
            files.write(files.rules, files.text + "\n# %d\n- list: of_the_test\n  items: [a%d]\n" % (number, number))
            files.told(RELOADED, number)
    finally:
        stop.set()
        reader.join()
    time.sleep(t.machine.settle + REPEATS)
    found = t.alerts(since, container, rules=(ENVIRON,))
    t.note("%d reads told in %d alerts, 4 reloads" % (count[0], len(found)))
    if times(found) != count[0] or count[0] < 4:
        raise Failure("%d reads, %d told in %d alerts" % (count[0], times(found), len(found)))
    agent.stop()


@act("agent/explain", engines=("runc",), own_agent=True)
def explain(t):
    """Of an alert out of audit and one out of fanotify: rule and line, records and facts, whose it was."""
    t.start_agent()
    agent = t.session.agent
    container = t.container(privileged=True)
    done = t.nodeagent("explain", "nothing-1")
    if done.returncode != 1 or "no alert 'nothing-1'" not in done.stderr:
        raise Failure("of no alert: %d %s" % (done.returncode, done.stderr))
    since = time.time_ns()
    container.run("offender", "w=/x", "s=60", "openat", "/sys/kernel/uevent_helper", "WRONLY|CREAT")
    t.expect(UEVENT, container, since, only=False)
    want(container.run("offender", "r", "s=60", "open", "/proc/1/environ", "RDONLY"), 0)
    t.expect(ENVIRON, container, since, only=False)
    rules = open(os.path.join(os.path.dirname(agent.config), "rules", "escape.yaml")).read().split("\n")
    for rule in (UEVENT, ENVIRON):
        alert = [a for a in t.alerts(since, container, rules=(rule,))][-1]
        alert_id = alert["output_fields"]["alert.id"]
        done = t.nodeagent("explain", alert_id, "--output", "json")
        why = json.loads(done.stdout)
        if rule not in rules[why["rule"]["line"] - 1]:
            raise Failure("%s is not in line %d" % (rule, why["rule"]["line"]))
        if not why["condition"][0]["holds"] or len(why["condition"]) < 4:
            raise Failure("the condition: %s" % why["condition"])
        facts = {fact["field"]: fact["value"] for fact in why["facts"]}
        if facts["container.full_id"] != container.id or container.id not in " ".join(why["attribution"]):
            raise Failure("the container: %s %s" % (facts, why["attribution"]))
        if (why["source"] == "audit") != any(line.startswith("type=SYSCALL ") for line in why["records"]):
            raise Failure("records of %s: %s" % (why["source"], why["records"]))
        line = subprocess.run([agent.binary, "explain", "-"], env=agent.env, input=json.dumps(alert).encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30 * t.machine.factor, check=False)
        text = t.nodeagent("explain", alert_id).stdout
        if line.stdout.decode() != text or "escape.yaml:%d:" % why["rule"]["line"] not in text or "Why this container" not in text:
            raise Failure("for a person: %s" % text)
    if t.nodeagent("explain").stdout.split("\n")[0].split(" ")[0] != [
            a for a in agent.alerts if "alert.repeats" not in a["output_fields"]][-1]["output_fields"].get("alert.id"):
        raise Failure("without an id it is not the last one")
    agent.stop()
