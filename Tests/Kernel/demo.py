#!/usr/bin/python3 -B
"""Shows the agent at work: four ways out of a container, each told; the container frozen, its evidence kept, its release.

usage: Tests/testbed/guard.sh Tests/Kernel/demo.py [--agent PATH] [--config PATH] [--color]       (make demo)

--agent   the agent; default .build/release/nodeagent
--config  where its rules lie; default config/nodeagent.yaml. The demonstration has a configuration of its own.
--color   colours, also where the output is no terminal

It is a test as well: each step is waited for, and one that does not show what it should ends it with 1.
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness
from standstill import Counter, thaw, wait_for

HELPER = "/sys/kernel/uevent_helper"
RESPONSE = """response:
  mode: on
  freeze_seconds: 300
  rules:
    - rule: %s
      actions: [freeze, collect]
""" % harness.ENVIRON
BOLD, CYAN, PLAIN = "\x1b[1m", "\x1b[1;36m", "\x1b[0m"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class TerminalAgent(harness.Agent):
    """The agent as a person sees it: text on a terminal."""

    def __init__(self, binary, config, env, show):
        super().__init__(binary, config, env)
        self.show, self.lines = show, []

    def start(self, timeout, config=None):
        terminal, end = os.openpty()
        self.child = subprocess.Popen([self.binary, "run", "--config", self.config, "--output", "text"], env=self.env,
                                      stdin=subprocess.DEVNULL, stdout=end, stderr=subprocess.PIPE)
        os.close(end)
        threading.Thread(target=self._read_terminal, args=(terminal,), daemon=True).start()
        self._wait_ready(timeout)

    def _read_terminal(self, terminal):
        pending = b""
        while True:
            try:
                block = os.read(terminal, 65536)
            except OSError:              # EIO: nobody has the other end any more
                block = b""
            if not block:
                os.close(terminal)
                return
            *lines, pending = (pending + block).split(b"\n")
            with self.changed:
                for line in lines:
                    text = line.decode("utf-8", "replace").rstrip("\r")
                    self.show(text)
                    self.lines.append(ESCAPE.sub("", text))
                self.changed.notify_all()

    def expect(self, *words, timeout):
        """A line with all of these words."""
        limit = time.monotonic() + timeout
        with self.changed:
            while True:
                found = [line for line in self.lines if all(word in line for word in words)]
                if found:
                    return found[0]
                if time.monotonic() > limit or not self.alive():
                    raise harness.Failure("no alert with '%s'%s" % ("' and '".join(words), "" if self.alive() else ": the agent has ended"))
                self.changed.wait(0.05)


class Demo:
    """out: called with each line, in ANSI colours."""

    def __init__(self, machine, podman, binary, config, env, out, width=118):
        self.machine, self.podman, self.out, self.width = machine, podman, out, width
        self.lock = threading.Lock()
        self.evidence = os.path.join(machine.work, "evidence")
        own = os.path.join(machine.work, "demo.yaml")
        with open(own, "w") as file:
            file.write("version: 1\nrules_files:\n  - %s\n%sevidence:\n  directory: %s\n" % (
                os.path.join(os.path.dirname(config), "rules", "escape.yaml"), RESPONSE, self.evidence))
        self.agent = TerminalAgent(binary, own, env, self.alert)
        self.container = None

    # -- on the screen --
    def say(self, text=""):
        with self.lock:
            self.out(text)

    def heading(self, text):
        time.sleep(0.5)                  # what the step before brought is to be read, and to be counted
        self.say()
        self.say("%s== %s%s" % (CYAN, text, PLAIN))

    def alert(self, text):
        """Folded at words, so that it can be read."""
        line, used, lines = "", 0, []
        for word in text.split(" "):
            length = len(ESCAPE.sub("", word))
            if used and used + 1 + length > self.width - 4:
                lines.append(line)
                line, used = "  " + word, length + 2
            else:
                line, used = line + " " * bool(used) + word, used + bool(used) + length
        with self.lock:
            for folded in lines + [line]:
                self.out("  " + folded)

    def inside(self, *argv, shown=None):
        """A command in the container."""
        self.say("%scontainer#%s %s" % (BOLD, PLAIN, shown or " ".join(argv)))
        done = self.container.run(*argv)
        if done.output:
            self.say("  " + done.output[:300])
        return done

    def nodeagent(self, *words, lines=None, directory=None):
        """A command of the program, and what it prints; of that, the first lines."""
        self.say("%shost#%s nodeagent %s" % (BOLD, PLAIN, " ".join(words)))
        done = subprocess.run([self.agent.binary, *words], env=self.agent.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30 * self.machine.factor, check=False, cwd=directory)
        text = done.stdout.decode("utf-8", "replace").splitlines()
        for line in text[:lines]:
            self.alert(line)
        if done.returncode:
            raise harness.Failure("nodeagent %s ended with %d: %s" % (words[0], done.returncode, " ".join(text)[-300:]))
        return "\n".join(text)

    def expect(self, *words, seconds=2):
        return self.agent.expect(self.container.name, *words, timeout=seconds * self.machine.factor + self.machine.alert_wait)

    # -- the acts --
    def run(self):
        before = self.audit()
        try:
            self.watch()
            self.privileged()
            counter = Counter(self.machine, self.container)
            self.block_device()
            self.uevent_helper()
            self.environ()
            self.frozen(counter)
            self.tarball()
            self.release(counter)
            self.heading("nodeagent stops")
            self.say("%shost#%s kill -TERM %d" % (BOLD, PLAIN, self.agent.child.pid))
            self.agent.stop(2.0 * self.machine.factor)
            if self.audit() != before:
                raise harness.Failure("audit's rules are not as they were")
            self.say("  ended, and audit's rules are as they were")
        finally:
            self.close()

    def audit(self):
        return harness.check(["auditctl", "-l"], self.machine.env)

    def watch(self):
        self.heading("nodeagent watches this host; about one rule it is to do something")
        for line in RESPONSE.splitlines():
            self.say("  " + line)
        self.say("%shost#%s nodeagent run" % (BOLD, PLAIN))
        self.agent.start(30 * self.machine.factor)
        self.say("  nodeagent: ready")

    def privileged(self):
        self.heading("1. A privileged container starts")
        self.say("%shost#%s podman run --privileged %s" % (BOLD, PLAIN, harness.IMAGE))
        self.container = self.podman.container(privileged=True)
        self.expect("Privileged container started")

    def block_device(self):
        path, major, minor = self.machine.block()
        self.heading("2. It mounts a block device of the host")
        if self.container.run("test", "-b", path).status:
            self.inside("mknod", path, "b", str(major), str(minor))
        harness.want(self.inside("sh", "-c", "mount -t ext4 %s /mnt && ls /mnt && umount -l /mnt" % path,
                                 shown="mount -t ext4 %s /mnt && ls /mnt" % path), 0)
        self.expect("Host block device used in container", "device=%d:%d" % (major, minor))

    def uevent_helper(self):
        self.heading("3. It writes to %s" % HELPER)
        there = self.machine.uevent_exists()
        before = open(HELPER).read().strip("\n") if there else None
        try:
            done = self.inside("sh", "-c", "echo /tmp/helper > " + HELPER, shown="echo /tmp/helper > " + HELPER)
        finally:
            if there:
                with open(HELPER, "w") as file:
                    file.write(before + "\n")
        harness.want(done, 0 if there else (1, 2))
        if not there:
            self.say("  (this kernel has no such file; the attempt is told)")
        self.expect("uevent_helper written in container")

    def environ(self):
        self.heading("4. It reads /proc/1/environ")
        self.say("%scontainer#%s cat /proc/1/environ" % (BOLD, PLAIN))
        self.container.send("cat", "/proc/1/environ")
        self.expect("Environment of the container's init read")
        self.expect("frozen by rule", seconds=4)

    def frozen(self, counter):
        self.heading("It stands still, and loses nothing")
        first = counter.value()
        self.say("  a process in it counts: %d" % first)
        if counter.must_stand() != first:
            raise harness.Failure("it counted on from %d" % first)
        self.say("  a second later:         %d" % first)
        if self.container.id[:12] not in self.nodeagent("status", lines=2):
            raise harness.Failure("status does not show the container")

    def tarball(self):
        self.heading("Its evidence is there")
        line = self.expect(".tar.zst", seconds=30)
        # In a whole run other acts' tarballs may lie there too.
        names = [name for name in os.listdir(self.evidence) if name in line]
        if len(names) != 1:
            raise harness.Failure("the evidence is %s" % names)
        self.say("%shost#%s cd %s" % (BOLD, PLAIN, self.evidence))
        command = "tar -tf %s | cut -d/ -f1-2 | sort | uniq -c" % names[0]
        self.say("%shost#%s %s" % (BOLD, PLAIN, command))
        listed = subprocess.run(command, shell=True, env=self.machine.env, cwd=self.evidence, stdout=subprocess.PIPE,
                                check=False).stdout.decode("utf-8", "replace")
        for wanted in ("alert.json", "container/processes", "host/", "manifest.jsonl"):
            if wanted not in listed:
                raise harness.Failure("the tarball has no %s" % wanted)
        columns(listed.splitlines(), self.width - 2, self.say)
        self.nodeagent("verify", names[0], directory=self.evidence)

    def release(self, counter):
        self.heading("It is released, and goes on where it was")
        self.nodeagent("release", self.container.name)
        self.say("  a process in it counts: %d" % counter.must_go_on())
        harness.want(self.container.answer(), 0)
        harness.want(self.container.run("true"), 0)

    def close(self):
        """Whatever happened: nothing stands still, nothing runs."""
        try:
            if self.container:
                thaw(self.container)
            if self.agent.alive():
                self.agent.stop(2.0 * self.machine.factor)
        finally:
            self.agent.kill()
            if self.container:
                self.container.close()


def columns(lines, width, out):
    """As `ls` prints many short names."""
    wide = max(map(len, lines), default=0) + 2
    count = max(1, width // wide)
    rows = -(-len(lines) // count)
    for row in range(rows):
        out("  " + "".join(line.ljust(wide) for line in lines[row::rows]).rstrip())


def main(arguments):
    options = {"agent": os.path.join(harness.ROOT, ".build", "release", "nodeagent"),
               "config": os.path.join(harness.ROOT, "config", "nodeagent.yaml"), "color": sys.stdout.isatty()}
    while arguments:
        word = arguments.pop(0)
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if word == "--color":
            options["color"] = True
        elif word in ("--agent", "--config") and arguments:
            options[word[2:]] = os.path.abspath(arguments.pop(0))
        else:
            print("demo.py: unknown argument %s, or no value" % word, file=sys.stderr)
            return 64
    work = os.environ.get("NA_TEST_WORK")
    if not work:
        print("demo.py: start it by Tests/testbed/guard.sh, which puts back what it changes", file=sys.stderr)
        return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))       # what was started is ended
    import run
    run.build(work)
    machine = harness.Machine("host", work)
    podman = harness.Podman(machine)
    env = dict(machine.env, RUNTIME_DIRECTORY=os.path.join(work, "run"), STATE_DIRECTORY=os.path.join(work, "state"))
    for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        os.makedirs(env[name], mode=0o700, exist_ok=True)

    def out(line):
        print(line if options["color"] else ESCAPE.sub("", line), flush=True)
    try:
        machine.block()                  # before the container: the engine copies the nodes that are there
        podman.start()
        Demo(machine, podman, options["agent"], options["config"], env, out).run()
    except (harness.Failure, OSError, subprocess.SubprocessError) as error:
        out("")
        out("\x1b[1;31mthe demonstration failed:\x1b[0m %s" % error)
        return 1
    finally:
        podman.stop()
        machine.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
