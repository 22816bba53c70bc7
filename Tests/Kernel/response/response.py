"""What the agent does about an alert: it freezes, collects, kills and releases; and what it leaves alone.

Every act has an agent of its own with an own configuration: how often rules may act is counted from the agent's start.
"""
import contextlib
import glob
import os
import re
import shutil
import subprocess
import time

import demo
import standstill
from harness import ALL, BLOCK, ENVIRON, Failure, act, field, is_about, is_since, numbered, seen, want
from standstill import cgroups, first_process, is_frozen, read, thaw

READ = ("offender", "r", "open", "/proc/1/environ", "RDONLY")

# ---- what the agent says of its own doing ----
FROZEN, RELEASED, KILLED = "Container frozen", "Container released", "Container killed"
COLLECTED, NOT_COLLECTED = "Evidence collected", "Evidence not collected"
REFUSED, NOT_DONE, FOUND = "Action refused", "Action not done", "Container found frozen"
DOINGS = (FROZEN, RELEASED, KILLED, COLLECTED, NOT_COLLECTED, REFUSED, NOT_DONE, FOUND, "Action failed")
# exit status of the program's commands
DONE, FAILED, PARTIAL, NOT_OURS = 0, 1, 2, 3

CONFIGURATION = """version: 1
rules_files:
  - %(rules)s
response:
%(mode)s  freeze_seconds: %(seconds)d
  rules:
    - rule: %(rule)s
      actions: [%(actions)s]
evidence:
  directory: %(evidence)s
"""


class Response:
    """The agent of one act, with its configuration and its directory for evidence."""

    def __init__(self, t, actions, rule, seconds, mode):
        self.t = t
        self.evidence = os.path.join(t.machine.work, "evidence-%d" % numbered())
        self.config = self.evidence + ".yaml"
        rules = os.path.join(os.path.dirname(t.session.agent.config), "rules", "escape.yaml")
        with open(self.config, "w") as out:
            out.write(CONFIGURATION % {"rules": rules, "mode": "  mode: %s\n" % mode if mode else "", "seconds": seconds,
                                       "rule": rule, "actions": actions, "evidence": self.evidence})

    def start(self):
        self.t.start_agent(self.config)

    # -- what it says --
    def told(self, rule, container, since, patience=0, **action):
        """The agent's alert of this rule about the container, with these fields of the action. Waits for it."""
        agent, limit = self.t.session.agent, time.monotonic() + self.t.machine.alert_wait + patience * self.t.machine.factor
        with agent.changed:
            while True:
                about = [a for a in agent.alerts if a.get("rule") in DOINGS and is_since(a, since) and is_about(a, container)]
                found = [a for a in about if a["rule"] == rule
                         and all(action_field(a, key) == value for key, value in action.items())]
                if found or time.monotonic() > limit or not agent.alive():
                    break
                agent.changed.wait(0.05)
        if not found:
            raise Failure("it is not told: %s %s of %s; instead: %s" % (
                rule, " ".join("%s=%s" % pair for pair in action.items()), container.name, "; ".join(map(said, about)) or "nothing"))
        if container.image and field(found[0], "name") != container.name:
            raise Failure("it is told of %s instead of %s: %s" % (field(found[0], "name"), container.name, said(found[0])))
        return found[0]

    def nothing_done(self, since, container=None, allowed=()):
        """Nothing is told to have been done, after the settle time."""
        time.sleep(self.t.machine.settle)
        loud = [a for a in self.t.alerts(since, container, DOINGS) if a["rule"] not in allowed]
        if loud:
            raise Failure("not silent: " + said(loud[0]))

    def status(self):
        import json
        done = self.t.nodeagent("status", "--output", "json")
        if done.returncode:
            raise Failure("status: %d %s" % (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def frozen(self):
        """Id and origin of what the agent says it holds."""
        return {row["id"]: row["origin"] for row in self.status()["frozen"]}

    # -- what people ask of it --
    def command(self, wanted, *words):
        """A command that must end with one of these statuses; what it printed."""
        done = self.t.nodeagent(*words)
        if done.returncode not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            raise Failure("nodeagent %s: ended with %d, not %s: %s%s" % (
                " ".join(words), done.returncode, wanted, done.stdout, done.stderr))
        return done.stdout + done.stderr

    # -- evidence --
    def files(self):
        return sorted(os.listdir(self.evidence)) if os.path.isdir(self.evidence) else []

    def tarball(self):
        """The only one; whole by `nodeagent verify`."""
        files = self.files()
        if len(files) != 1 or not files[0].endswith(".tar.zst"):
            raise Failure("the evidence is %s, and not one tarball" % files)
        path = os.path.join(self.evidence, files[0])
        self.command(DONE, "verify", path)
        return path

    def unpack(self, path, *words):
        """What tar prints of it."""
        done = subprocess.run(["tar", words[0], path, *words[1:]], env=self.t.machine.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * self.t.machine.factor, check=False)
        if done.returncode:
            raise Failure("tar %s: %s" % (" ".join(words), done.stderr.decode("utf-8", "replace")[-300:]))
        return done.stdout.decode("utf-8", "replace")


EACH = ("podman", "docker", "ctr", "runc")
LOGIC = ("host",)                        # where the kernel makes no difference: neither the user-mode one nor the VM's again
SOME = ("podman", "runc")                # where the engine makes no difference; runc is the user-mode kernel's only one


def watched(name, kernels=ALL, engines=SOME):
    """An act with an agent of its own, which has nothing to show without one."""
    def register(function):
        def run(t):
            if t.watched:
                function(t)
        act("response/" + name, kernels=kernels, engines=engines, own_agent=True)(run)
        return function
    return register


def action_field(alert, key):
    """action, or one of what is said of it: result, reason, origin."""
    return str(alert["output_fields"].get("action" if key == "action" else "action." + key))


def said(alert):
    return "%s: %s" % (alert.get("rule"), str(alert.get("output"))[:400])


@contextlib.contextmanager
def responding(t, actions, rule=ENVIRON, seconds=900, mode="on"):
    """An agent that does this about the rule. At the end it stops, and has let everything go on that it had frozen."""
    response, whole = Response(t, actions, rule, seconds, mode), False
    try:
        response.start()
        yield response
        stop(t)
        held = [container.name for container in used(t) if is_frozen(container)]
        if held:
            raise Failure("the agent has ended and left frozen: " + ", ".join(held))
        whole = True
    finally:
        for container in used(t):
            thaw(container)              # else nothing could end it
        if t.session.agent.alive():
            with contextlib.suppress(Failure):
                stop(t)                  # so that it puts audit back
        t.session.agent.kill()
        if not whole:
            t.session.close_shared()     # an answer may be left in one of them
        shutil.rmtree(response.evidence, ignore_errors=True)


def used(t):
    """The containers of this act and those that several acts share, as far as they live."""
    return [container for container in t.own + t.session.all_shared()
            if container.child.poll() is None]


def stop(t):
    """SIGTERM; the seconds that it took."""
    return t.session.agent.stop(3.0 * t.machine.factor)


def attack(t, container, rule=ENVIRON, argv=READ):
    """The act, whose answer may not come before the container is released; the time before it."""
    time.sleep(0.03)
    since = time.time_ns()
    container.send(*(seen(t.machine, argv) if argv is READ else argv))
    t.expect(rule, container, since, only=False)
    return since


def released(t, container):
    """It works again: the act that it was frozen in has ended well, and so does a new one."""
    want(container.answer(), 0)
    want(container.run("sh", "-c", "echo x > /tmp/works && cat /tmp/works"), 0)


def wait_for(t, what, condition, seconds=5):
    standstill.wait_for(t.machine, what, condition, seconds)


def counter_of(t, container):
    """One for all acts that share the container."""
    if not hasattr(container, "counter"):
        container.counter = standstill.Counter(t.machine, container)
    return container.counter


def pair(t, lasting=True, privileged=False):
    """A container that will be guilty, another one, and a counter in each. lasting: the guilty one is shared with other acts."""
    guilty = t.shared(privileged=privileged) if lasting else t.container(privileged=privileged)
    other = t.shared()                   # not the same one: shared by what was asked for, in words
    return guilty, other, counter_of(t, guilty), counter_of(t, other)


# ---- freeze ----
def freeze(t, privileged):
    with responding(t, "freeze") as response:
        guilty, other, counter, others = pair(t, privileged=privileged)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2, action="freeze", result="done", origin="rule '%s'" % ENVIRON)
        counter.must_stand()
        others.must_go_on()              # near miss: another container of the same image and engine
        held = response.frozen()
        if held != {guilty.id: "rule"}:
            raise Failure("status lists %s, and not %s alone" % (held, guilty.id))
        shown = response.command(DONE, "status")
        if "frozen by rule" not in shown or guilty.id[:12] not in shown:
            raise Failure("status in text does not show it: " + shown[:300])
        response.command(DONE, "release", guilty.id)
        response.told(RELEASED, guilty, since, action="release", result="done", origin="operator")
        counter.must_go_on()
        released(t, guilty)
        if response.frozen():
            raise Failure("status still lists %s" % response.frozen())


@watched("freeze", engines=EACH)
def freeze_ordinary(t):
    freeze(t, False)


@watched("freeze-privileged", engines=EACH)
def freeze_privileged(t):
    freeze(t, True)


@watched("expiry")
def expiry(t):
    """It goes on by itself after freeze_seconds, and not before."""
    with responding(t, "freeze", seconds=3) as response:
        guilty, _, counter, _ = pair(t)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2)
        seen = time.monotonic()
        counter.must_stand(1.5)
        end = response.told(RELEASED, guilty, since, patience=6, result="done")
        if "its time is over" not in end["output"]:
            raise Failure("another reason is told: " + end["output"])
        lasted = time.monotonic() - seen
        if not 2.0 <= lasted <= 4.5 * t.machine.factor:
            raise Failure("frozen for %.1f s instead of 3" % lasted)
        counter.must_go_on()
        released(t, guilty)
        t.note("released after %.1f s" % lasted)


@watched("stop-releases")
def stop_releases(t):
    """SIGTERM: told, released, and ended in time."""
    with responding(t, "freeze") as response:
        guilty, _, counter, _ = pair(t)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2)
        counter.must_stand(0.5)
        agent, took = t.session.agent, stop(t)
        counter.must_go_on()
        released(t, guilty)
        wait_for(t, "the release is told before the end",
                 lambda: any(a["rule"] == RELEASED and is_about(a, guilty) for a in t.alerts(since, rules=DOINGS)), 1)
        if agent.child is not None:
            raise Failure("the agent runs")
        t.note("ended in %d ms" % (took * 1000))


@watched("crash-releases")
def crash_releases(t):
    """SIGKILL leaves it frozen; the next start lets it go on."""
    with responding(t, "freeze") as response:
        guilty, _, counter, _ = pair(t)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2)
        t.session.agent.kill()
        counter.must_stand(0.5)
        again = time.time_ns()
        response.start()
        counter.must_go_on()
        end = response.told(RELEASED, guilty, again, result="done")
        if "its agent had ended" not in end["output"]:
            raise Failure("another reason is told: " + end["output"])
        released(t, guilty)


@watched("released-by-hand-after-a-crash", kernels=LOGIC)
def released_by_hand(t):
    """SIGKILL, and nobody starts another agent: `release` finds it without one. `isolate` without an agent works too."""
    with responding(t, "freeze") as response:
        guilty, other, counter, others = pair(t)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2)
        t.session.agent.kill()
        response.command(DONE, "release", guilty.id[:12] if guilty.image else guilty.id)
        counter.must_go_on()
        released(t, guilty)
        response.command(DONE, "isolate", other.name)
        others.must_stand(0.5)
        response.command(DONE, "release", "--all")
        others.must_go_on()
        response.start()


# ---- kill ----
@watched("kill", engines=EACH)
def kill(t):
    with responding(t, "kill") as response:
        guilty, other, _, others = pair(t, lasting=False)
        first = first_process(guilty)
        since = attack(t, guilty)
        response.told(KILLED, guilty, since, patience=10, action="kill", result="done", origin="rule '%s'" % ENVIRON)
        wait_for(t, "the container's first process ends", lambda: not os.path.exists("/proc/%d/root/tmp" % first))
        wait_for(t, "the engine notices", lambda: guilty.child.poll() is not None, 10)
        others.must_go_on()
        want(other.run("true"), 0)


# ---- collect ----
@watched("collect", engines=EACH)
def collect(t):
    """A tarball with its cause, and the container goes on meanwhile."""
    with responding(t, "collect") as response:
        guilty, _, counter, _ = pair(t)
        since = attack(t, guilty)
        want(guilty.answer(), 0)
        counter.must_go_on()
        alert = response.told(COLLECTED, guilty, since, patience=30)
        path = response.tarball()
        if os.path.normpath(path) not in alert["output"].replace("//", "/"):
            raise Failure("the alert does not name %s: %s" % (path, alert["output"]))
        mode = os.stat(path).st_mode & 0o7777
        if mode != 0o600:
            raise Failure("%s has mode %o" % (path, mode))
        members = response.unpack(path, "-tf").splitlines()
        if members[0] != "collection.json" or members[-1] != "manifest.jsonl":
            raise Failure("the tarball begins with %s and ends with %s" % (members[0], members[-1]))
        for wanted in ("alert.json", "events.jsonl", "container/processes/", "host/"):
            if not any(member.startswith(wanted) for member in members):
                raise Failure("the tarball has no %s" % wanted)
        import json
        cause = json.loads(response.unpack(path, "-xOf", "alert.json"))
        if cause.get("rule") != ENVIRON or not is_about(cause, guilty):
            raise Failure("alert.json tells of %s, %s" % (cause.get("rule"), field(cause, "id")))
        if "/proc/1/environ" not in response.unpack(path, "-xOf", "events.jsonl"):
            raise Failure("events.jsonl does not tell of the act")
        t.note("%d members, %d KiB" % (len(members), os.stat(path).st_size >> 10))


@watched("collect-freeze-kill", kernels=("host", "vm"))
def collect_freeze_kill(t):
    """Whatever the order in the configuration: it stands still, is collected, and is killed then."""
    with responding(t, "collect, kill, freeze") as response:
        guilty, other, _, others = pair(t, lasting=False)
        since = attack(t, guilty)
        alerts = [response.told(rule, guilty, since, patience=seconds)
                  for rule, seconds in ((FROZEN, 2), (COLLECTED, 30), (KILLED, 12))]
        times = [alert["time"] for alert in alerts]
        if times != sorted(times):
            raise Failure("not in this order: " + "; ".join("%s %s" % (a["rule"], a["time"]) for a in alerts))
        wait_for(t, "the container ends", lambda: guilty.child.poll() is not None, 10)
        path = response.tarball()
        members = response.unpack(path, "-tf")
        if not re.search(r"^container/processes/\d+/cmdline$", members, re.M):
            raise Failure("the tarball has no process of the container, which was to be collected before it was killed")
        others.must_go_on()
        want(other.run("true"), 0)


@watched("kill-9-during-collection", kernels=("host", "vm"), engines=("podman",))
def kill_during_collection(t):
    """The agent dies while evidence is collected: what has its final name is whole, and the next agent works."""
    with responding(t, "collect") as response:
        guilty = t.container()
        want(guilty.run("dd", "if=/dev/urandom", "of=/tmp/large", "bs=1M", "count=%d" % (400 if t.kernel == "host" else 4)), 0)
        since = attack(t, guilty)
        want(guilty.answer(), 0)
        wait_for(t, "the collection begins", lambda: any(name.endswith(".partial") for name in response.files()), 10)
        t.session.agent.kill()
        if any(name.endswith(".tar.zst") for name in response.files()):
            raise Failure("the collection was over before the agent was killed: the act shows nothing")
        wait_for(t, "the collection ends", lambda: not collectors(response.evidence), 60)
        for name in response.files():
            if name.endswith(".tar.zst"):
                response.command(DONE, "verify", os.path.join(response.evidence, name))
        t.note("left: " + (", ".join(re.sub(r".*(\.tar)", r"\1", name) for name in response.files()) or "nothing"))
        want(guilty.run("rm", "/tmp/large"), 0)
        before = response.files()
        response.start()
        since = attack(t, guilty)
        want(guilty.answer(), 0)
        response.told(COLLECTED, guilty, since, patience=30)
        new = [name for name in response.files() if name not in before and name.endswith(".tar.zst")]
        if len(new) != 1:
            raise Failure("the next agent's evidence is %s" % response.files())
        response.command(DONE, "verify", os.path.join(response.evidence, new[0]))


def collectors(directory):
    """Processes that write evidence into it."""
    return [path for path in glob.glob("/proc/[0-9]*/cmdline") if "\0collect\0" in read(path) and directory in read(path)]


# ---- what is told and not done ----
@watched("dry-run", kernels=LOGIC)
def dry_run(t):
    with responding(t, "collect, freeze, kill", mode="dry-run") as response:
        guilty, _, counter, _ = pair(t)
        since = attack(t, guilty)
        response.told(NOT_DONE, guilty, since, action="freeze", result="dry_run")
        response.told(NOT_DONE, guilty, since, action="kill", result="dry_run")
        response.told(NOT_COLLECTED, guilty, since)
        counter.must_go_on()
        want(guilty.answer(), 0)
        response.nothing_done(since, allowed=(NOT_DONE, NOT_COLLECTED))
        counter.must_go_on()
        if response.frozen() or response.files():
            raise Failure("something was done: %s %s" % (response.frozen(), response.files()))


@watched("off", kernels=LOGIC)
def off(t):
    """Without a mode the rules' actions are not even told; people can isolate all the same."""
    with responding(t, "collect, freeze, kill", mode=None) as response:
        guilty, _, counter, _ = pair(t)
        since = attack(t, guilty)
        response.nothing_done(since)
        counter.must_go_on()
        want(guilty.answer(), 0)
        if response.frozen() or response.files():
            raise Failure("something was done: %s %s" % (response.frozen(), response.files()))
        response.command(DONE, "isolate", guilty.name)
        counter.must_stand(0.5)
        response.command(DONE, "release", guilty.name)
        counter.must_go_on()


@watched("near-other-rule", kernels=LOGIC)
def other_rule(t):
    """An alert of a rule that has no action is told, and nothing is done."""
    with responding(t, "freeze, kill", rule=BLOCK) as response:
        container = t.shared()
        counter = counter_of(t, container)
        since = attack(t, container)
        want(container.answer(), 0)
        response.nothing_done(since)
        counter.must_go_on()


# ---- by hand ----
@watched("by-hand", engines=EACH)
def by_hand(t):
    with responding(t, "collect") as response:
        first, second, counter, others = pair(t)
        since = time.time_ns()
        response.command(DONE, "isolate", first.name)
        response.told(FROZEN, first, since, action="freeze", result="done", origin="operator")
        counter.must_stand(0.5)
        others.must_go_on()
        if response.frozen() != {first.id: "operator"}:
            raise Failure("status lists %s" % response.frozen())
        if "already frozen" not in response.command(DONE, "isolate", first.id):
            raise Failure("the second isolate does not say that it is frozen already")
        # by the beginning of an id, where ids are told apart by it
        response.command(DONE, "release", first.id[:12] if first.image and first.id != first.name else first.id)
        response.told(RELEASED, first, since, result="done", origin="operator")
        counter.must_go_on()
        want(first.run("true"), 0)
        response.command(NOT_OURS, "release", first.name)

        response.command(DONE, "isolate", second.id[:10] if second.id != second.name else second.id)
        others.must_stand(0.5)
        response.command(DONE, "release", "--all")
        others.must_go_on()
        response.command(DONE, "release", "--all")

        for verb in ("isolate", "release"):
            text = response.command(FAILED, verb, "na-test-no-such-container")
            if "na-test-no-such-container" not in text or "inventory" not in text:
                raise Failure("%s of an unknown container says: %s" % (verb, text))
        response.command(64, "isolate")
        counter.must_go_on()


def engine_says(t, container, verb):
    """pause or unpause, by the engine itself."""
    words = {"podman": ["podman", verb, container.name], "ctr": ["ctr", "tasks", verb.replace("unpause", "resume"), container.name],
             "runc": ["runc", "--root", getattr(t.engine, "root", ""), verb.replace("unpause", "resume"), container.name]}
    command = t.engine._docker(verb, container.name) if t.engine.name == "docker" else words[t.engine.name]
    done = subprocess.run(command, env=t.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    if done.returncode:
        raise Failure("%s: %s" % (" ".join(command), done.stdout.decode("utf-8", "replace")[-300:]))


@watched("paused", engines=EACH, kernels=("host", "vm"))
def paused(t):
    """What somebody else has frozen is told, and never set going. In the VM podman's crun pauses a cgroup below the container's own."""
    with responding(t, "freeze") as response:
        container = t.shared()
        counter = counter_of(t, container)
        engine_says(t, container, "pause")
        counter.must_stand(0.5)
        since = time.time_ns()
        if "somebody else" not in response.command(DONE, "isolate", container.name):
            raise Failure("isolate does not say that somebody else froze it")
        response.told(FROZEN, container, since, action="freeze", result="unchanged")
        if response.frozen():
            raise Failure("status lists it as the agent's: %s" % response.frozen())
        response.command(NOT_OURS, "release", container.name)
        response.command(DONE, "release", "--all")
        counter.must_stand(0.5)
        # a stop and a start of the agent leave it as well, and the start tells of it
        stop(t)
        counter.must_stand(0.5)
        since = time.time_ns()
        response.start()
        response.told(FOUND, container, since)
        counter.must_stand(0.5)
        engine_says(t, container, "unpause")
        counter.must_go_on()
        want(container.run("true"), 0)
        response.command(DONE, "isolate", container.name)
        counter.must_stand(0.5)
        response.command(DONE, "release", container.name)
        counter.must_go_on()


# ---- how often ----
@watched("rate-limit", kernels=LOGIC)
def rate_limit(t):
    """Rules act three times a minute; people as often as they like."""
    with responding(t, "freeze") as response:
        containers = [t.container() for _ in range(4)]
        counters = [counter_of(t, container) for container in containers]
        begin = time.monotonic()
        for container in containers[:3]:
            response.told(FROZEN, container, attack(t, container), patience=2, result="done")
        since = attack(t, containers[3])
        if time.monotonic() - begin > 55:
            raise Failure("the machine is too slow: four attacks took %d s" % (time.monotonic() - begin))
        refusal = response.told(REFUSED, containers[3], since, patience=2, action="freeze", result="refused")
        if "three times in the last minute" not in refusal["output"]:
            raise Failure("another reason is told: " + refusal["output"])
        want(containers[3].answer(), 0)
        counters[3].must_go_on()
        response.command(DONE, "isolate", containers[3].name)
        counters[3].must_stand(0.5)
        if len(response.frozen()) != 4:
            raise Failure("status lists %s" % response.frozen())
        response.command(DONE, "release", "--all")
        for counter in counters:
            counter.must_go_on()


@watched("once-a-container", kernels=LOGIC)
def once_a_container(t):
    """A container that was released is not frozen by a rule again at once: else an attacker decides how long it stands."""
    with responding(t, "freeze", seconds=2) as response:
        guilty = t.shared()
        counter = counter_of(t, guilty)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2)
        response.told(RELEASED, guilty, since, patience=5)
        released(t, guilty)
        since = attack(t, guilty)
        refusal = response.told(REFUSED, guilty, since, patience=2)
        if "ten minutes" not in refusal["output"]:
            raise Failure("another reason is told: " + refusal["output"])
        want(guilty.answer(), 0)
        counter.must_go_on()


# ---- what may never be frozen ----
def keeper(t, container):
    """(pid, what it is) of a host's process that serves the container."""
    if t.engine.name == "runc":
        return container.child.pid, "runtime"
    wanted = "conmon" if t.engine.name.startswith("podman") else "containerd-shim"
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        words = read(path).split("\0")
        if os.path.basename(words[0]).startswith(wanted) and container.id in words:
            return int(path.split("/")[2]), wanted
    raise Failure("no %s of %s" % (wanted, container.name))


@contextlib.contextmanager
def moved(pid, container):
    """The process in the container's cgroup; where it was at the end."""
    before = cgroups(pid)
    here = cgroups(first_process(container))
    try:
        for directory, _ in here:
            with open(directory + "/cgroup.procs", "w") as file:
                file.write("%d" % pid)
        yield
    finally:
        thaw(container)
        for directory, _ in before:
            with contextlib.suppress(OSError):
                with open(directory + "/cgroup.procs", "w") as file:
                    file.write("%d" % pid)


def refuses(response, container, counter, pid, words):
    """`isolate` is refused with the process and what it is; nothing stands still."""
    since = time.time_ns()
    text = response.command(NOT_OURS, "isolate", container.name)
    if "process %d " % pid not in text or words not in text:
        raise Failure("the refusal does not say that %d is %s: %s" % (pid, words, text))
    response.told(REFUSED, container, since, action="freeze", result="refused")
    if is_frozen(container):
        raise Failure("refused, and frozen")
    counter.must_go_on()


@watched("protected-host-process", engines=EACH)
def protected(t):
    """A process that serves containers, running the host's own file, lies in the container's cgroup: nobody freezes that."""
    with responding(t, "freeze, kill") as response:
        guilty, other, counter, _ = pair(t)
        pid, words = keeper(t, other)
        with moved(pid, guilty):
            refuses(response, guilty, counter, pid, words)
            since = attack(t, guilty)
            for action in ("freeze", "kill"):
                refusal = response.told(REFUSED, guilty, since, patience=2, action=action, result="refused")
                if "process %d " % pid not in refusal["output"]:
                    raise Failure("another reason is told: " + refusal["output"])
            want(guilty.answer(), 0)
            counter.must_go_on()
            if not os.path.exists("/proc/%d/root" % pid):
                raise Failure("process %d was killed" % pid)
        response.command(DONE, "isolate", guilty.name)       # near miss: without it
        counter.must_stand(0.5)
        response.command(DONE, "release", guilty.name)


@watched("protected-agent")
def protected_agent(t):
    """The agent and its child in a container's cgroup: refused."""
    with responding(t, "freeze") as response:
        container = t.shared()
        counter = counter_of(t, container)
        own = t.session.agent.child.pid
        children = [int(pid) for pid in read("/proc/%d/task/%d/children" % (own, own)).split()] or [
            int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/stat") if read(path).rsplit(")", 1)[-1].split()[1:2] == [str(own)]]
        if not children:
            raise Failure("the agent has no child")
        for pid in [*children, own]:
            with moved(pid, container):
                refuses(response, container, counter, pid, "the agent")
        response.command(DONE, "isolate", container.name)
        counter.must_stand(0.5)
        response.command(DONE, "release", container.name)


@watched("disguised-is-frozen")
def disguised(t):
    """A container's process that calls itself sshd, by its file, its first word and its name, is not the host's."""
    with responding(t, "freeze") as response:
        guilty, _, counter, _ = pair(t)
        want(guilty.run("sh", "-c", "mkdir -p /usr/sbin && cp /bin/offender /usr/sbin/sshd && cp /bin/offender /usr/sbin/conmon"), 0)
        for name in ("sshd", "conmon"):
            want(guilty.run("&/usr/sbin/" + name, "disguise", name, "--", "sleep-ms", "600000"), 0)
        since = attack(t, guilty)
        response.told(FROZEN, guilty, since, patience=2, result="done")
        counter.must_stand()
        response.command(DONE, "release", guilty.name)
        counter.must_go_on()
        released(t, guilty)


# ---- all of it, as people see it ----
@watched("demo", kernels=("host", "vm"), engines=("podman",))
def demonstration(t):
    """What `make demo` shows."""
    demo.Demo(t.machine, t.engine, t.session.agent.binary, t.session.agent.config, t.session.agent.env, lambda _: None).run()
