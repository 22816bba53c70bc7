#!/usr/bin/python3 -B
"""Runs the acts on one kernel, or on all three.

usage: Tests/testbed/guard.sh Tests/Kernel/run.py [--kernel host|uml|vm|all] [--only PATTERN] [--agent PATH] [--config PATH]
                                                  [--every] [--no-agent] [--list]

--only      a shell pattern (or a part) of an act's full name, as printed: host/podman/environ/symlink
--agent     the agent; default .build/release/nodeagent
--config    its configuration; default config/nodeagent.yaml
--every     in the VM every act with every engine, not only what it alone can show
--no-agent  the acts alone: that each does what it is meant to do, with nobody watching

One line an act; one that fails is tried up to twice more (`again`), with at most 2 such tries in 100 acts. At the end `N passed, N failed,
N skipped`. Exit status 1 when one failed, when one was skipped that skips.txt does not list, or when fewer ran than
expected-counts.txt says.
"""
import fnmatch
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness

ROOT = harness.ROOT
KERNELS = ("host", "uml", "vm")
# python3-minimal lacks them; they are pure Python and go into the VM from this machine's Debian python
VM_MODULES = ("json", "shutil.py")
VM_LIMIT, UML_LIMIT = 2700, 1200          # seconds


# ---- building: the offender, the image ----
def build(work):
    """rootfs/ and na-test.tar (docker-archive: podman, docker and ctr all load it) in the work directory."""
    import hashlib
    import io
    import json
    import shutil
    import tarfile
    root = os.path.join(work, "rootfs")
    for name in ("bin", "dev", "proc", "sys", "tmp", "mnt", "etc", "root"):
        os.makedirs(os.path.join(root, name))
    binary = os.path.join(root, "bin", "offender")
    subprocess.run(["gcc", "-static", "-O2", "-o", binary, os.path.join(HERE, "offender", "offender.c")], check=True)
    shutil.copy(binary, os.path.join(root, "bin", "runc"))       # an offender that calls itself runc
    shutil.copy("/bin/busybox", os.path.join(root, "bin", "busybox"))
    for applet in subprocess.run(["/bin/busybox", "--list"], stdout=subprocess.PIPE, check=True).stdout.decode().split():
        path = os.path.join(root, "bin", applet)
        if not os.path.lexists(path):
            os.symlink("busybox", path)
    with open(os.path.join(root, "etc", "passwd"), "w") as out:
        out.write("root:x:0:0:root:/root:/bin/sh\n")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(root, arcname=".")
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
              "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
              "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "run.py"}]}
    manifest = [{"Config": "config.json", "RepoTags": [harness.IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(os.path.join(work, "na-test.tar"), "w") as tar:
        for name, data in (("manifest.json", json.dumps(manifest).encode()), ("config.json", json.dumps(config).encode()),
                           ("layer.tar", layer.getvalue())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    # docker on a machine without CAP_SYS_RESOURCE needs a runtime that does not ask for it
    shutil.copy(os.path.join(ROOT, "Tests", "testbed", "hosttools", "runc-nores"), os.path.join(work, "runc-nores"))


# ---- one kernel, from within ----
class Session:
    def __init__(self, machine, agent):
        self.machine, self.agent = machine, agent
        self.engines = [engine(machine) for engine in machine.engines]
        self._shared = {}
        self.kept = {}                           # what an act leaves for later ones and is more than a container, by its name
        self.closing = []                        # threads that wait for containers to end

    def shared(self, engine, options):
        key = (engine.name, repr(sorted(options.items())))
        found = self._shared.get(key)
        if found and found.child.poll() is not None:
            found.close()
            found = None
        if not found:
            found = self._shared[key] = engine.container(**options)
            time.sleep(self.machine.settle)      # its start's alerts are not those of the acts to come
        return found

    def all_shared(self):
        return list(self._shared.values())

    def close_shared(self):
        for shared in (self._shared, self.kept):
            for thing in shared.values():
                thing.close()
            shared.clear()
        for worker in self.closing:
            worker.join()
        self.closing.clear()


class Report:
    def __init__(self, kernel, skips):
        self.kernel, self.skips = kernel, skips
        self.passed = self.failed = self.skipped = 0

    def ok(self, name, ms, notes):
        self.passed += 1
        self.say("ok %s (%d ms)%s" % (name, ms, "  # " + "; ".join(notes) if notes else ""))

    def fail(self, name, reason):
        self.failed += 1
        self.say("FAIL %s: %s" % (name, reason))

    def skip(self, name, reason):
        if any(kernel in (self.kernel, "*") and fnmatch.fnmatch(name.split("/", 1)[1], pattern) for kernel, pattern in self.skips):
            self.skipped += 1
            self.say("skip %s: %s" % (name, reason))
        else:
            self.fail(name, "skipped, and skips.txt does not allow it: " + reason)

    def say(self, line):
        print(line.replace("\n", " "), flush=True)


def read_skips():
    """Lines `KERNEL PATTERN REASON`; PATTERN is of engine/act."""
    rows = []
    with open(os.path.join(HERE, "skips.txt")) as lines:
        for line in lines:
            words = line.split("#")[0].split(None, 2)
            if len(words) == 3:
                rows.append((words[0], words[1]))
    return rows


def read_expected(kernel):
    with open(os.path.join(HERE, "expected-counts.txt")) as lines:
        for line in lines:
            words = line.split("#")[0].split()
            if len(words) == 2 and words[0] == kernel:
                return int(words[1])
    return 0


def plan(kernel, machine_engines, only, every=False):
    """(full name, act, engine name or None), in the order of running: engine by engine, those with their own agent last."""
    rows = []
    for late in (False, True):
        for engine in machine_engines:
            for item in harness.REGISTRY:
                if engine in ("podman-runc", "crun") and item.name not in harness.OTHER_RUNTIME:
                    continue
                if kernel == "vm" and not every and not harness.in_vm(item, engine):
                    continue
                if item.own_agent == late and kernel in item.kernels and item.engines and engine in item.engines:
                    rows.append(("%s/%s/%s" % (kernel, engine, item.name), item, engine))
        for item in harness.REGISTRY:
            if kernel == "vm" and not every and not harness.in_vm(item, None):
                continue
            if item.own_agent == late and kernel in item.kernels and not item.engines:
                rows.append(("%s/%s" % (kernel, item.name), item, None))
    rows.sort(key=lambda row: row[1].last)
    if only:
        rows = [row for row in rows if fnmatch.fnmatch(row[0], only) or only in row[0]]
    return rows


ENGINES = {"host": ("podman", "docker", "ctr", "cri", "runc"), "uml": ("runc",),
           "vm": ("podman", "podman-runc", "docker", "ctr", "cri", "runc", "crun")}


def run_here(options):
    kernel, work = options["inside"], options["work"]
    harness.load()
    machine = harness.Machine(kernel, work)
    env = dict(machine.env, RUNTIME_DIRECTORY=os.path.join(work, "agent-run"), STATE_DIRECTORY=os.path.join(work, "agent-state"))
    for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        os.makedirs(env[name], mode=0o700, exist_ok=True)
    agent = None if options["no_agent"] else harness.Agent(options["agent"], options["config"], env)
    if agent and kernel != "host":
        agent.patience = 3.0
    if agent and not os.access(agent.binary, os.X_OK):
        print("run.py: no agent at %s (make build, or --no-agent)" % agent.binary, file=sys.stderr)
        return 1
    rows = plan(kernel, ENGINES[kernel], options["only"], options["every"])
    report = Report(kernel, read_skips())
    session = Session(machine, agent)
    engines = {engine.name: engine for engine in session.engines}
    broken, current = {}, None
    try:
        machine.block()                          # before any container: an engine copies the nodes that are there
    except (harness.Failure, OSError) as error:
        report.fail("%s/block-device" % kernel, str(error))
    try:
        again, waiting = [], list(reversed(rows))
        while waiting:
            name, item, engine_name = waiting.pop()
            if engine_name != current:
                session.close_shared()
                current = engine_name
            began = time.monotonic()
            test = harness.Test(session, engines.get(engine_name))
            try:
                needed = engine_name or session.engines[0].name
                if needed in broken:
                    raise harness.Failure("%s did not start: %s" % (needed, broken[needed]))
                try:
                    engines[needed].start()
                except (harness.Failure, OSError, subprocess.SubprocessError) as error:
                    broken[needed] = str(error)
                    raise harness.Failure("%s did not start: %s" % (needed, error))
                if agent:
                    if item.own_agent and agent.child:
                        agent.stop(1.0 * machine.factor)
                    elif not item.own_agent and not agent.alive():
                        agent.kill()
                        agent.start(30 * machine.factor)
                item.function(test)
                test.close()
                if agent and agent.refused:
                    raise harness.Failure("; ".join(agent.refused[:3]))
                report.ok(name, (time.monotonic() - began) * 1000, test.notes)
            except harness.Skip as skip:
                report.skip(name, str(skip))
            except harness.Failure as failure:
                if agent and agent.child and not agent.alive():
                    failure = harness.Failure(str(failure) + agent.end())
                # The machines are shared and some acts race the kernel by design: one that fails is tried up to twice more,
                # with fresh containers, and every try is printed. More than a few of these fail the run.
                if again.count(name) < 2 and len(again) < max(4, len(rows) // 50) and not broken:
                    again.append(name)
                    waiting.append((name, item, engine_name))
                    report.say("again %s: %s" % (name, failure))
                    session.close_shared()
                else:
                    report.fail(name, str(failure))
            except Exception as error:           # an act's own mistake fails that act alone
                import traceback
                where = traceback.extract_tb(error.__traceback__)[-1]
                report.fail(name, "%s: %s (%s:%d)" % (type(error).__name__, error, os.path.basename(where.filename), where.lineno))
            finally:
                if agent:
                    agent.refused.clear()
                try:
                    test.close()
                except Exception as error:
                    print("run.py: %s: %s" % (name, error), file=sys.stderr)
        if agent and agent.child:
            name = "%s/agent/stops" % kernel
            try:
                took = agent.stop(1.0 if kernel == "host" else 1.0 * machine.factor)
                report.ok(name, took * 1000, [])
            except harness.Failure as failure:
                report.fail(name, str(failure))
    finally:
        session.close_shared()
        if agent:
            agent.kill()
        for engine in session.engines:
            engine.stop()
        machine.release()
    if again:
        report.say("%d acts needed a second try: %s" % (len(again), ", ".join(again)))
    ran = report.passed + report.failed + report.skipped
    expected = read_expected(kernel)
    if not options["only"] and ran < expected:
        report.fail("%s/count" % kernel, "%d acts ran, expected-counts.txt says %d" % (ran, expected))
    print("%d passed, %d failed, %d skipped" % (report.passed, report.failed, report.skipped), flush=True)
    return 1 if report.failed else 0


# ---- the other kernels, from without ----
def end_session(child):
    """Ends a child and whatever it started: `timeout` has a process group of its own, but not a session."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        left = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid) as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[3]) == child.pid:
                        left.append(int(pid))
                        os.kill(int(pid), name)
            except (OSError, IndexError):
                pass
        if not left:
            break
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            pass
        time.sleep(0.3)


def libraries(program):
    """Paths of the shared libraries that a program is linked with."""
    found = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    return [words[2] for words in map(str.split, found.splitlines()) if len(words) > 2 and words[1] == "=>"]


def run_elsewhere(kernel, options, work):
    """Starts the user-mode kernel or the VM with this program in it; (passed, failed, skipped)."""
    import shutil
    payload = os.path.join(work, "payload-" + kernel)
    os.makedirs(payload)
    for name in ("rootfs", "na-test.tar"):
        subprocess.run(["cp", "-a", os.path.join(work, name), payload], check=True)
    inner = ["--inside", kernel]
    if options["only"]:
        inner += ["--only", options["only"]]
    if options["every"]:
        inner += ["--every"]
    if options["no_agent"]:
        inner.append("--no-agent")
    quoted = " ".join("'%s'" % word for word in inner)
    script = os.path.join(work, "script-" + kernel)
    env = dict(os.environ)
    if kernel == "uml":
        if not options["no_agent"]:
            shutil.copy(options["agent"], os.path.join(payload, "nodeagent"))
        with open(script, "w") as out:
            # this machine's files are there, read-only; what it hides (/tmp) comes by way of UML_OUT
            out.write("#!/bin/bash\numl_modprobe loop\ncp -a $UML_OUT /tmp/na-test\nexec /usr/bin/python3 -B %s %s --work /tmp/na-test"
                      " --agent /tmp/na-test/nodeagent --config %s\n" % (os.path.join(HERE, "run.py"), quoted, options["config"]))
        env["UML_OUT"] = payload
        command = [os.path.join(ROOT, "Tests", "testbed", "run-in-uml.sh"), "-t", str(UML_LIMIT), "-m", "2048", script]
    else:
        files = os.path.join(work, "vm-files")
        os.makedirs(files)
        shutil.copytree(HERE, os.path.join(files, "Kernel"))
        shutil.copytree(os.path.dirname(options["config"]), os.path.join(files, "config")) if os.path.isfile(options["config"]) else None
        os.makedirs(os.path.join(payload, "pylib"))
        for name in VM_MODULES:
            subprocess.run(["cp", "-a", "/usr/lib/python3.11/" + name, os.path.join(payload, "pylib")], check=True)
        os.makedirs(os.path.join(payload, "lib"))
        if not options["no_agent"]:
            shutil.copy(options["agent"], os.path.join(payload, "nodeagent"))
            for path in libraries(options["agent"]):
                shutil.copy(path, os.path.join(payload, "lib"))
        with open(script, "w") as out:
            # of the agent's libraries those that the VM lacks
            out.write("#!/bin/bash\nmodprobe uevent_helper\nmv /vm/payload-vm /vm/work; cd /vm\n"
                      "for l in work/lib/*; do [ -e /lib/x86_64-linux-gnu/${l##*/} ] || mv $l /lib/x86_64-linux-gnu/; done\nexec env PYTHONPATH=/vm/work/pylib /usr/bin/python3 -B"
                      " /vm/Kernel/run.py %s --work /vm/work --agent /vm/work/nodeagent --config /vm/config/%s\n"
                      % (quoted, os.path.basename(options["config"])))
        shutil.copy("/usr/bin/zstd", os.path.join(payload, "zstd"))     # the VM has its libraries, and tar
        command = [os.path.join(ROOT, "Tests", "testbed", "run-in-vm.sh"), "-t", str(VM_LIMIT), script, payload,
                   os.path.join(files, "Kernel")]
        if os.path.isdir(os.path.join(files, "config")):
            command.append(os.path.join(files, "config"))
    os.chmod(script, 0o755)
    child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    try:
        return follow(kernel, child)
    finally:
        end_session(child)


def follow(kernel, child):
    counts = None
    for raw in child.stdout:
        line = raw.decode("utf-8", "replace").rstrip()
        words = line.replace(",", "").split()
        if len(words) == 6 and words[1::2] == ["passed", "failed", "skipped"]:
            counts = [int(word) for word in words[0::2]]
        elif line.startswith(("ok ", "FAIL ", "skip ")):
            print(line, flush=True)
        elif line.strip():
            print("  %s: %s" % (kernel, line), file=sys.stderr)
    code = child.wait()
    if counts is None:
        print("FAIL %s: it ended with %d before the last act" % (kernel, code), flush=True)
        return [0, 1, 0]
    if code and not counts[1]:
        print("FAIL %s: it ended with %d" % (kernel, code), flush=True)
        counts[1] = 1
    return counts


def main(arguments):
    options = {"kernel": "host", "only": None, "agent": os.path.join(ROOT, ".build", "release", "nodeagent"), "no_agent": False, "every": False,
               "config": os.path.join(ROOT, "config", "nodeagent.yaml"), "list": False, "inside": None, "work": None}
    while arguments:
        word = arguments.pop(0)
        key = word[2:].replace("-", "_")
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if not word.startswith("--") or key not in options:
            print("run.py: unknown argument %s" % word, file=sys.stderr)
            return 64
        if isinstance(options[key], bool):
            options[key] = True
        elif not arguments:
            print("run.py: %s needs a value" % word, file=sys.stderr)
            return 64
        else:
            options[key] = arguments.pop(0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kernels = KERNELS if options["kernel"] == "all" else (options["kernel"],)
    if any(kernel not in KERNELS for kernel in kernels):
        print("run.py: --kernel host, uml, vm or all", file=sys.stderr)
        return 64
    if options["list"]:
        harness.load()
        for kernel in kernels:
            rows = plan(kernel, ENGINES[kernel], options["only"], options["every"])
            for row in rows:
                print(row[0])
            print("# %s: %d" % (kernel, len(rows)), file=sys.stderr)
        return 0
    if options["inside"]:
        return run_here(options)
    options["agent"], options["config"] = os.path.abspath(options["agent"]), os.path.abspath(options["config"])
    work = os.environ.get("NA_TEST_WORK")
    if not work:
        print("run.py: start it by Tests/testbed/guard.sh, which puts back what the acts change", file=sys.stderr)
        return 64
    if not options["no_agent"] and not os.access(options["agent"], os.X_OK):
        print("run.py: no agent at %s (make build, or --no-agent)" % options["agent"], file=sys.stderr)
        return 1
    build(work)
    total = [0, 0, 0]
    for kernel in kernels:
        if kernel == "host":
            child = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), "--inside", "host", "--work", work,
                                      "--agent", options["agent"], "--config", options["config"]]
                                     + (["--only", options["only"]] if options["only"] else [])
                                     + (["--every"] if options["every"] else [])
                                     + (["--no-agent"] if options["no_agent"] else []), stdout=subprocess.PIPE)
            try:
                counts = follow(kernel, child)
            finally:
                if child.poll() is None:
                    child.terminate()        # it ends its daemons and containers
                    child.wait()
        else:
            counts = run_elsewhere(kernel, options, work)
        total = [a + b for a, b in zip(total, counts)]
    print("%d passed, %d failed, %d skipped" % tuple(total), flush=True)
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
