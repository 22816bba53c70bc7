"""Falco's 25 stable rules, as their authors wrote them: for each an attack and a near miss, all before one agent.

The rules are in NODEAGENT_TEST_DATA (falco-rules/falco_rules.yaml). An attack in a container is a command of it; one on the host is a
program of the act's own directory, whose name is what the rule looks for."""
import os
import shutil
import subprocess
import sys
import time

from harness import Failure, More, Skip, act, field, is_about, is_since, want

DATA = os.environ.get("NODEAGENT_TEST_DATA") or os.path.join(os.path.dirname(__file__), *[".."] * 4, "shared", "data")
RULES = os.path.join(DATA, "falco-rules", "falco_rules.yaml")
API = "10.96.0.1"                        # what the container is told for the Kubernetes API
REMOTE = "203.0.113.1"                   # of nobody (RFC 5737)
PYTHON = os.path.realpath(sys.executable)
CASES = []


class Host:
    """Programs on the host, under names of their own."""

    def __init__(self, t):
        self.t, self.directory = t, os.path.join(t.machine.work, "falco")
        os.makedirs(self.directory, exist_ok=True)

    def program(self, name, of=PYTHON):
        """A link of that name: the process is called like it."""
        path = os.path.join(self.directory, name)
        if not os.path.lexists(path):
            os.symlink(of, path)
        return path

    def python(self, code, name="tool", user=None):
        done = subprocess.run([self.program(name), "-c", code], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=15 * self.t.machine.factor, check=False, user=user)
        if done.returncode != 0:
            raise Failure("the act itself: %s" % done.stdout.decode("utf-8", "replace")[-300:])

    def run(self, *words):
        subprocess.run(words, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=60 * self.t.machine.factor, check=False)


def case(rule, fields=()):
    """An attack that this rule is to tell with these fields filled, and its near miss: the same function, with `near` true."""
    def register(function):
        CASES.append((rule, fields, function))
        return function
    return register


def in_container(rule, attack, near, fields=(), privileged=False, status=None, near_privileged=None):
    @case(rule, fields)
    def run(t, host, is_near):
        container = t.shared(privileged=privileged if not is_near or near_privileged is None else near_privileged)
        done = container.run(*(near if is_near else attack))
        if status is not None:
            want(done, status)
        return container


def on_host(rule, attack, near, fields=(), name="tool"):
    @case(rule, fields)
    def run(t, host, is_near):
        host.python(near if is_near else attack, name)


def shell(text):
    return ("sh", "-c", text)


READ = "open(%r).close()"
on_host("Directory traversal monitored file read", READ % "/etc/../etc/../etc/shadow", READ % "/etc/shadow", ("fd.name", "fd.nameraw"))
on_host("Read sensitive file trusted after startup", "import time; time.sleep(6); " + READ % "/etc/shadow", READ % "/etc/shadow",
        ("fd.name", "proc.pname"), name="nginx")
on_host("Read sensitive file untrusted", READ % "/etc/shadow", READ % "/etc/passwd", ("fd.name", "proc.exepath", "proc.aname[2]"))
# What hides from a sensor that compares words: the file is the same one.
on_host("Read sensitive file untrusted", READ % "/proc/self/root/etc/shadow", READ % "/proc/self/root/etc/passwd", ("fd.name",))
on_host("Read sensitive file untrusted", "import os; os.chdir('/etc/pam.d'); " + READ % "../shadow", READ % "/etc/group", ("fd.name",))
on_host("Read sensitive file untrusted", "import os; os.path.lexists('l') or os.symlink('/etc/shadow', 'l'); " + READ % "l",
        READ % "/etc/group", ("fd.name",), name="renamed")
SPAWN = "import subprocess; subprocess.run(['sh', '-c', 'true; exit 0'])"
on_host("Run shell untrusted", SPAWN, SPAWN.replace("'sh', '-c', 'true; exit 0'", "'true'"), ("proc.pname", "proc.cmdline"), name="httpd")


@case("System user interactive", ("user.name", "proc.cmdline"))
def system_user(t, host, is_near):
    import tempfile                          # the VM's python3-minimal, which only loads this file, lacks it
    # The act's own directory is root's alone.
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        login = os.path.join(directory, "login")
        os.symlink("/bin/true", login)
        subprocess.run([login], user=0 if is_near else "daemon", cwd="/", check=False)


@case("Terminal shell in container", ("proc.tty", "proc.cmdline"))
def terminal(t, host, is_near):
    if t.engine.name != "podman":
        raise Skip("a terminal of raw runc's exec is not told yet")
    words = ["podman", "exec", "-i", *(() if is_near else ("-t",))]
    import pty                               # likewise
    container = t.shared()
    master, slave = pty.openpty()
    try:
        subprocess.run([*words, container.name, "sh", "-c", "sleep 0.5; exit 0"], env=t.machine.env, stdin=slave, stdout=slave, stderr=slave,
                       timeout=60 * t.machine.factor, check=False)
    finally:
        os.close(master)
        os.close(slave)
    return container


@case("Contact K8S API Server From Container", ("fd.name", "fd.rport"))
def api_server(t, host, is_near):
    container = host.clustered = getattr(host, "clustered", None) or t.container(more=More(env=("KUBERNETES_SERVICE_HOST=" + API,)))
    container.run("nc", "-w", "1", "10.96.0.2" if is_near else API, "443")
    return container


in_container("Netcat Remote Code Execution in Container", ("nc", "-w", "1", "-e", "/bin/sh", "127.0.0.1", "9"),
             ("nc", "-w", "1", "127.0.0.1", "9"), ("proc.cmdline",))
in_container("Search Private Keys or Passwords", ("find", "/tmp", "-maxdepth", "1", "-name", "id_rsa"),
             ("find", "/tmp", "-maxdepth", "1", "-name", "id"), ("proc.cmdline",), status=0)
in_container("Clear Log Activities", shell(": > /tmp/syslog"), shell("echo x >> /tmp/syslog"), ("fd.name",), status=0)
in_container("Remove Bulk Data from Disk", shell("ln -sf /bin/busybox /tmp/shred; echo x > /tmp/f; exec /tmp/shred -u /tmp/f"),
             shell("echo x > /tmp/f; rm /tmp/f"), ("proc.cmdline",))
in_container("Create Symlink Over Sensitive Files", shell("ln -sfn /etc /tmp/link"), shell("ln -sfn /etc/hostname /tmp/link"),
             ("evt.arg.target", "evt.arg.linkpath"), status=0)
in_container("Create Hardlink Over Sensitive Files", shell("[ -e /etc/shadow ] || : > /etc/shadow; ln /etc/shadow /tmp/hard; true"), shell("ln /bin/busybox /tmp/hard2; true"),
             ("evt.arg.oldpath", "evt.arg.newpath"), status=0)
in_container("Packet socket created in container", ("arping", "-c", "1", "-w", "1", "-I", "lo", "127.0.0.1"),
             ("nc", "-w", "1", "127.0.0.1", "9"))
in_container("Redirect STDOUT/STDIN to Network Connection in Container",
             shell("nc -l -p 4444 -e sleep 2 & sleep 0.3; nc -w 1 127.0.0.1 4444 < /dev/null; wait; true"),
             shell("sleep 0.1 > /tmp/out < /dev/null"), ("fd.lport", "fd.l4proto"), status=0)
in_container("Linux Kernel Module Injection Detected", shell("echo x > /tmp/m.ko; insmod /tmp/m.ko; true"),
             shell("echo x > /tmp/m.ko; insmod /tmp/m.ko; true"), ("evt.res", "proc.args"), privileged=True, near_privileged=False)
in_container("Debugfs Launched in Privileged Container", shell("ln -sf /bin/busybox /tmp/debugfs; /tmp/debugfs; true"),
             shell("ln -sf /bin/busybox /tmp/debugfs; /tmp/debugfs; true"), ("proc.cmdline",), privileged=True, near_privileged=False)
in_container("Detect release_agent File Container Escapes", shell("cd /tmp && echo x > release_agent; sleep 0.3"),
             shell("cd /tmp && echo x > release_agent; sleep 0.3"), ("fd.name", "thread.cap_effective"), privileged=True, near_privileged=False)

TRACE = ("import ctypes, subprocess, time; p = subprocess.Popen(['sleep', '5']); "
         "c = ctypes.CDLL(None); c.ptrace(%d, p.pid, 0, 0); time.sleep(0.3); c.ptrace(17, p.pid, 0, 0); p.kill(); p.wait()")
on_host("PTRACE attached to process", TRACE % 16, TRACE % 2, ("proc.cmdline",))
on_host("PTRACE anti-debug attempt", "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", TRACE % 2, ("proc.cmdline",))

in_container("Find AWS Credentials", ("find", "/tmp", "-maxdepth", "1", "-iname", ".aws/credentials"),
             ("find", "/tmp", "-maxdepth", "1", "-iname", "credentials"), ("proc.cmdline", "group.gid"))
# /dev/shm is noexec in most containers: the shell that is to execute is what the rule sees.
in_container("Execution from /dev/shm", shell("/dev/shm/true"), shell("/tmp/true"), ("proc.cmdline", "proc.cwd"))


@case("Drop and execute new binary in container", ("proc.exe", "proc.exepath"))
def drop(t, host, is_near):
    if t.engine.name == "runc":
        raise Skip("its root is a plain directory: nothing tells the image's files from later ones")
    if t.engine.name == "podman":
        raise Skip("podman's layer is not told yet")
    container = t.shared()
    want(container.run(*shell("/bin/sleep 0.2" if is_near else "cp /bin/busybox /tmp/sleep; /tmp/sleep 0.2")), 0)
    return container


CONNECT = """
import socket, time
s = socket.socket(); s.setblocking(False)
error = s.connect_ex((%r, %d))
assert error in (0, 115), error
time.sleep(0.3)
"""


@case("Disallowed SSH Connection Non Standard Port", ("fd.name", "fd.rport", "fd.l4proto"))
def ssh(t, host, is_near):
    if t.kernel == "uml":
        subprocess.run(["ip", "address", "add", REMOTE + "/32", "dev", "lo"], stderr=subprocess.DEVNULL, check=False)
        listening = "l = socket.socket(); l.setsockopt(1, 2, 1); l.bind((%r, 443)); l.listen(1)\n" % REMOTE
    else:
        listening = ""
    host.python(CONNECT.replace("s = socket", listening + "s = socket", 1) % (REMOTE, 443), "tool" if is_near else "ssh")


@case("Fileless execution via memfd_create", ("proc.exepath", "proc.cmdline"))
def fileless(t, host, is_near):
    true = shutil.which("true", path="/usr/bin:/bin")
    code = "import os; os.execv(%r, ['true'])" % true if is_near else (
        "import os; fd = os.memfd_create('program', 1); os.write(fd, open(%r, 'rb').read()); os.execv('/proc/self/fd/%%d' %% fd, ['x'])" % true)
    host.python(code)


def told(t, rule, since, container, patience):
    """The rule's first alert since then, about the container if there is one."""
    limit = time.monotonic() + patience
    agent = t.session.agent
    with agent.changed:
        while True:
            found = [a for a in agent.alerts if a.get("rule") == rule and is_since(a, since)
                     and (container is None or is_about(a, container))]
            if found or time.monotonic() > limit or not agent.alive():
                return found[0] if found else None
            agent.changed.wait(0.05)


def configuration(t):
    """The run's, with Falco's rules alone, and without a budget that a busy machine could exceed."""
    path = os.path.join(t.machine.work, "falco.yaml")
    with open(t.session.agent.config) as source, open(path, "w") as out:
        out.write(source.read().replace("rules/escape.yaml", RULES).replace("busy: 500", "busy: 1000000"))
    return path


@act("falco/stable", kernels=("host",), engines=("podman",), own_agent=True)
@act("falco/stable", kernels=("uml",), engines=("runc",), own_agent=True)
def stable(t):
    """Every stable rule: what it is about is told with its fields, what is nearly that is not."""
    if not os.path.exists(RULES):
        raise Skip("Falco's rules are not here")
    host = Host(t)
    if t.watched:
        t.start_agent(configuration(t))
    else:
        return
    wrong, skipped = [], []
    for rule, fields, function in CASES:
        try:
            for is_near in (True, False):
                time.sleep(0.05)
                since = time.time_ns()
                container = function(t, host, is_near)
                alert = told(t, rule, since, container, t.machine.settle if is_near else 2 * t.machine.alert_wait)
                if is_near and alert:
                    raise Failure("the near miss is told: " + str(alert.get("output"))[:300])
                if not is_near and not alert:
                    raise Failure("not told")
                missing = [name for name in fields if alert and alert["output_fields"].get(name) in (None, "", "<NA>")]
                if missing:
                    raise Failure("without " + ", ".join(missing))
                if alert and container is not None and not field(alert, "id"):
                    raise Failure("without its container")
        except Skip as reason:
            skipped.append("%s (%s)" % (rule, reason))
        except (Failure, subprocess.TimeoutExpired) as failure:
            wrong.append("%s: %s" % (rule, failure))
    if skipped:
        t.note("not here: " + "; ".join(skipped))
    if wrong:
        raise Failure(" | ".join(wrong))
    t.note("%d attacks told, as many near misses not" % (len(CASES) - len(skipped)))
