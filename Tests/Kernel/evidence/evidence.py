"""`nodeagent collect` of containers that do what they can against it.

Canaries: files with random content that lie on the host, outside of every container, where the hostile links, forged paths and volumes
lead. None of their content may be in a tarball in any spelling (tarball.py). Each act that searches also searches for what must be
found, so that the search cannot pass by finding nothing.
"""
import glob
import hashlib
import os
import random
import re
import signal
import subprocess
import time

import tarball
from harness import PREFIX, Failure, More, act, check, want

COLLECT = ("podman", "docker", "runc")
# files, processes of the fork bomb, nested directories (with names of one byte: all still below PATH_MAX for GNU tar). One container
# is as large as it gets; those of the other kernels, of which the VM's is emulated, and engines differ in kind and not in size
LARGE, SMALL, LEAST = (20000, 500, 1990), (1000, 60, 300), (300, 30, 200)
PLACES = ("/etc", "/root", "/var/lib", "/tmp", "/var/tmp", "/run")
UPPER = b"container/upper/"


# ---- canaries ----
class Canaries:
    """50 files in each of four directories of the host, and a few on one of its tmpfs. Each holds 64 bytes: a tag of this run, 16 bytes
    of its own, the tag, 16 bytes. The tag is what is searched for: bytes that are no text in one half, letters in the other."""

    def __init__(self, work):
        self.bytes_tag = bytes(random.SystemRandom().randrange(128, 256) for _ in range(16))
        self.text_tag = letters(16)
        self.name_tag = letters(16)      # in the names of files that nothing in the container names
        self.directories, self.work = [], work
        name = PREFIX + letters(8).decode()
        for place in PLACES[:4] + PLACES[4:]:
            if len(self.directories) == 4:
                break
            self._fill(os.path.join(place, name), 50)
        self.tmpfs = self._fill(os.path.join("/dev/shm", name), 10)
        if len(self.directories) < 4:
            raise Failure("no four directories of the host for the canaries: %s" % self.directories)

    def _fill(self, path, count):
        try:
            os.mkdir(path, 0o755)
        except OSError:
            return None
        self.directories.append(path)
        with open(os.path.join(self.work, "owned"), "a") as owned:      # guard.sh removes them
            owned.write(path + "\n")
        os.makedirs(os.path.join(path, "up", "below"))
        os.makedirs(os.path.join(path, "work"))
        for number in range(count):
            name = "direct" if number == 0 else "shadow" if number == 1 else "%s-%d" % (self.name_tag.decode(), number)
            below = ("", "up", os.path.join("up", "below"))[number % 3] if number > 1 else ""
            with open(os.path.join(path, below, name), "wb") as out:
                out.write(self.content(number % 2 == 0))
        return path

    def content(self, is_text):
        if is_text:
            return self.text_tag + letters(16) + self.text_tag + letters(16)
        return self.bytes_tag + os.urandom(16) + self.bytes_tag + os.urandom(16)

    def secrets(self):
        return {"a canary's bytes": self.bytes_tag, "a canary's text": self.text_tag, "a canary's name": self.name_tag}

    def remove(self):
        for path in self.directories:
            remove_tree(path)


def letters(count):
    return "".join(random.SystemRandom().choice("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(count)).encode()


# ---- the container ----
class Hostile:
    def __init__(self, t, privileged):
        self.engine, self.machine, self.privileged = t.engine, t.machine, privileged
        self.sizes = LEAST if t.kernel == "vm" else SMALL
        if t.kernel == "host" and t.engine.name == "podman" and not privileged:
            self.sizes = LARGE
        self.container = None
        self.canaries = Canaries(t.machine.work)
        self.secret, self.inside = letters(32), letters(24)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.container:
            self.container.close()
        self.canaries.remove()

    def _build(self):
        first, *others = self.canaries.directories
        files, processes, levels = self.sizes
        volumes = [(others[0], "/volume"), (os.path.join(first, "direct"), "/volume-file")]
        if self.canaries.tmpfs:
            volumes.append((self.canaries.tmpfs, "/hosts-tmpfs"))
        self.container = self.engine.container(privileged=self.privileged, more=More(
            volumes=volumes, tmpfs=("/scratch",), env=("SECRET=" + self.secret.decode(),), pids=processes + 200))
        self.steps(self.canaries.directories)
        offender = self.offender
        offender("odd-names", "/odd")
        offender("odd-names", "/scratch/odd")
        offender("files", "/many", "%d" % files)
        offender("nest", "/deep", "1", "%d" % levels)
        # 15,000 bytes of path; AppArmor refuses what is longer than PATH_MAX (ENAMETOOLONG)
        want(self.container.run("offender", "nest", "/long", "255", "60"), (0, 36))
        offender("socket", "/socket")
        offender("xattr", "/in/control", "user.na-test", "value", may_fail=True)
        self.background("offender", "grow", "/grow")
        self.background("offender", "churn")
        self.background("offender", "loud")
        self.background("offender", "exchange", "/race/a", "/race/b")
        self.background("offender", "memfd", "sleep-ms", "100000000")
        self.shell("cp /bin/offender /tmp/gone; head -c 5000 /dev/urandom >> /tmp/gone")
        self.gone = self.shell("sha256sum /tmp/gone").split()[0]
        self.memfd = self.shell("sha256sum /bin/offender").split()[0]
        self.background("/tmp/gone", "sleep-ms", "100000000")
        self.background("sh", "-c", "exec 3>/tmp/open; printf deleted-but-open >&3; rm /tmp/open; exec sleep 100000")
        time.sleep(0.3 * self.machine.factor)
        self.shell("rm /tmp/gone")
        if self.privileged:
            self.forge(first)
        made = int(offender("bomb", "%d" % processes).output or 0)
        if made < processes // 2:
            raise Failure("the bounded fork bomb made %d processes of %d" % (made, processes))

    def steps(self, directories):
        """Links, special files, whiteouts."""
        first, second, third = directories[:3]
        self.shell("mkdir -p /in /links /race/a /home/u /var; printf %s > /in/control; printf x > /race/a/f" % self.inside.decode())
        for number, path in enumerate(directories):
            up = "../" * (number + 3)
            self.shell("ln -s %s /links/absolute-%d; ln -s %s%s /links/relative-%d; ln -s %s/direct /links/file-%d; ln -s %s/. /scratch/link-%d;"
                       "ln -s %s /links/absolute-%d/x 2>/dev/null; :" % (path, number, up * 3, path[1:], number, path, number, path, number,
                                                                        path, number))
        # what a collector looks for, leading elsewhere
        self.shell("rm -rf /root; ln -s %s /root; ln -s %s /var/lib; ln -s %s/shadow /etc/shadow; rm -f /etc/passwd; ln -s %s/direct /etc/passwd"
                   % (first, second, first, third))
        self.shell("ln -s / /tmp/x; ln -s /proc/1/root/etc /links/magic; ln -s /proc/self/fd /links/descriptors; ln -s %s /race/b; ln -s . /links/self;"
                   "ln -s /dev/zero /links/endless; ln -s /proc/kmsg /links/kmsg" % first)
        self.shell("mkfifo /fifo; mkfifo /scratch/fifo; mkdir /links/below; ln -s ../../../../../../../../..%s /links/below/up" % first)
        self.shell("mknod /zero c 1 5; mknod /disk b 8 0; mknod /kmem c 1 2", may_fail=True)
        self.shell("dd if=/dev/urandom of=/sparse bs=65536 count=1; dd if=/dev/urandom of=/sparse bs=1M seek=10239 count=1 conv=notrunc")
        # files that call themselves ours
        self.shell("mkdir -p /container/upper; for n in /nodeagent-host-x-20260101T000000Z.tar.zst /manifest.jsonl /collection.json /alert.json"
                   " /manifest.jsonl.partial /container/upper/manifest.jsonl; do printf '{\"manifest\":1}' > $n; done")
        # whiteouts, an opaque directory, owners, modes, times
        self.shell("rm -rf /mnt; mkdir /mnt; printf x > /mnt/new; rm -f /bin/vi; cp /bin/busybox /in/setuid; chown 12345:54321 /in/setuid; chmod 6755 /in/setuid;"
                   "printf x > /in/old; touch -d '1971-02-03 04:05:06' /in/old; chmod 000 /in/old; ln /in/control /in/second-name")
        self.shell("printf 'machine h login u password %s' \"$SECRET\" > /home/u/.netrc; printf 'PASSWORD=%s' \"$SECRET\" > /home/u/.env")

    def forge(self, place):
        """An overlay of its own on /, whose upper directory names a directory that on the host is another."""
        self.shell("mkdir -p %s; mount -t tmpfs none %s; mkdir %s/up %s/work; printf x > %s/up/mine;"
                   "mount -t overlay none -o lowerdir=/in,upperdir=%s/up,workdir=%s/work /" % ((place,) * 7))
        table = self.shell("grep -c 'upperdir=%s/up' /proc/1/mountinfo" % place)
        if table.strip() != "1":
            raise Failure("the forged overlay is not in the mount table: %s" % table)
        self.shell("mkdir /scratch/t; mount -t tmpfs none /scratch/t; printf x > /scratch/t/f; mount --bind %s /scratch/t" % place, may_fail=True)

    def shell(self, script, may_fail=False):
        done = self.container.run("sh", "-c", script, timeout=60)
        if not may_fail:
            want(done, 0)
        return done.output

    def offender(self, *words, may_fail=False):
        done = self.container.run("offender", *words, timeout=120)
        if not may_fail:
            want(done, 0)
        return done

    def background(self, program, *words):
        want(self.container.run("&" + program, *words), 0)

    @property
    def upper(self):
        """Where the container's changes lie on the host, as its engine says; the root itself where it is a plain directory."""
        if hasattr(self.container, "bundle"):
            return os.path.join(self.container.bundle, "rootfs")
        words = ["podman"] if self.engine.name.startswith("podman") else self.engine._docker()
        return check([*words, "inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", self.container.name], self.machine.env).strip()

    @property
    def is_overlay(self):
        return not hasattr(self.container, "bundle")


def hostile(t, privileged=False):
    """One for an engine's acts: it takes seconds to build."""
    key = (t.engine.name, "hostile")
    found = t.session.kept.get(key)
    if found and (found.privileged != privileged or found.container.child.poll() is not None):
        drop(t)
        found = None
    if not found:
        found = t.session.kept[key] = Hostile(t, privileged)
    return found


def drop(t):
    found = t.session.kept.pop((t.engine.name, "hostile"), None)
    if found:
        found.close()


# ---- the program ----
class Done:
    def __init__(self, status, stdout, stderr, seconds):
        self.status, self.stdout, self.stderr, self.seconds = status, stdout, stderr, seconds

    @property
    def path(self):
        return self.stdout.strip()

    def __repr__(self):
        return "status %d after %.1f s, %r %r" % (self.status, self.seconds, self.stdout[-300:], self.stderr[-600:])


def begin(t, *words):
    agent = t.session.agent
    return subprocess.Popen([agent.binary, *words], env=agent.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(t, child, limit):
    began = time.monotonic()
    try:
        out, err = child.communicate(timeout=limit * t.machine.factor)
    except subprocess.TimeoutExpired:
        where = threads(child.pid)
        child.kill()
        # a thread that waits for a FUSE server of the container's ends with the container
        t.session.close_shared()
        t.close()
        child.communicate(timeout=60)
        raise Failure("it had not ended after %d s; its threads: %s" % (limit * t.machine.factor, where))
    done = Done(child.returncode, out.decode("utf-8", "backslashreplace"), err.decode("utf-8", "backslashreplace"), time.monotonic() - began)
    for trace in ("Fatal error", "Traceback", "Stack dump", "Crash", "Thread 0"):
        if trace in done.stderr:
            raise Failure("a trap: %r" % done)
    if done.status < 0:
        raise Failure("ended by a signal: %r" % done)
    return done


def threads(pid):
    """Of a process that hangs: where each of its threads waits."""
    found = []
    for path in glob.glob("/proc/%d/task/*" % pid):
        try:
            with open(path + "/wchan") as wchan, open(path + "/stat") as status:
                found.append("%s %s" % (status.read().rsplit(")", 1)[1].split()[0], wchan.read() or "-"))
        except OSError:
            pass
    return ", ".join(sorted(found)) or "none"


def nodeagent(t, *words, limit=60):
    return finish(t, begin(t, *words), limit)


def collect(t, *words, status=(0, 2), limit=60):
    done = nodeagent(t, "collect", *words, limit=limit)
    if done.status not in (status if isinstance(status, tuple) else (status,)):
        raise Failure("collect: %r, wanted %s" % (done, status))
    return done


def verify(t, path):
    done = nodeagent(t, "verify", path, limit=60)
    if done.status != 0:
        raise Failure("verify: %r" % done)


def output(t, name=None):
    """A directory for one act's output, or a file's path in it."""
    directory = os.path.join(t.machine.work, "evidence")
    remove_tree(directory)
    os.makedirs(directory, 0o700)
    return os.path.join(directory, name) if name else directory


def remove_tree(path):
    """shutil.rmtree descends by recursion, and the trees here are deep."""
    subprocess.run(["rm", "-rf", "--", path], check=False)


def left(directory):
    return sorted(os.listdir(directory))


# ---- what a tarball must hold ----
def search(t, found, absent, present, where=""):
    """None of `absent` in any spelling, all of `present`."""
    tarball.search_can_fail()
    text = found.text()
    leaks = tarball.search(text, absent)
    if leaks:
        raise Failure("in the tarball%s: %s" % (where, "; ".join(leaks[:3])))
    for name, secret in present.items():
        if not tarball.search(text, {name: secret}):
            raise Failure("not in the tarball%s, and should be: %s" % (where, name))


def compare_rows(h, found, before, after):
    """Every object of the writable layer has one row of its type, and no row names anything else."""
    racing = (b"race/",)
    listed = [row for row in found.rows if row["path"].startswith(UPPER)]
    rows = {row["path"][len(UPPER):]: row for row in listed}
    twice = len([row for row in listed if not row["path"].startswith(UPPER + b"race")]) - len([p for p in rows if not p.startswith(b"race")])
    if twice:
        raise Failure("%d objects of the layer have two rows" % twice)
    there = {path for path in before if path in after and not path.startswith(racing)}
    if not h.is_overlay:
        # a plain directory: what was changed since the container's start, and the directories that lead there
        there = {path for path in there if before[path].status.st_ctime_ns >= h.container.began}
    missing = [path for path in there if path not in rows]
    unknown = [path for path in rows if path not in before and path not in after and not path.startswith(racing)]
    if missing or unknown:
        raise Failure("%d of %d objects of the layer have no row: %s; %d rows have no object: %s" % (
            len(missing), len(there), ", ".join(map(tarball.shown, sorted(missing)[:4])),
            len(unknown), ", ".join(map(tarball.shown, sorted(unknown)[:4]))))
    for path in there:
        row, object = rows[path], before[path]
        if row["type"] != object.type:
            raise Failure("%s is a %s, its row says %s, %s, %s" % (tarball.shown(path), object.type, row["type"], row["status"], row["reason"]))
        if object.type == "socket":
            good = row["status"] == "skipped" and row["reason"]
        elif path == b"grow":
            good = row["status"] in ("ok", "changed")
        else:
            good = row["status"] == "ok"
        if not good:
            raise Failure("%s: %s, %s" % (tarball.shown(path), row["status"], row["reason"]))
        if object.type == "file" and path != b"grow" and not row["redacted"] and not row.get("link") and row["size"] != object.status.st_size:
            raise Failure("%s has %d bytes, its row says %s" % (tarball.shown(path), object.status.st_size, row["size"]))
    return there


def compare_extracted(h, there, before, found, directory):
    """What GNU tar makes of the tarball is what the layer holds: type, mode, owner, times, size, content, attributes, holes."""
    rows = {row["path"][len(UPPER):]: row for row in found.rows if row["path"].startswith(UPPER)}
    top = os.fsencode(os.path.join(directory, "container", "upper"))
    extracted = tarball.walk(top, closed=(b"race", b"long"))
    for number, path in enumerate(sorted(there)):
        is_moving = path == b"grow" or path.startswith(b"race/") or path == b"race"
        if path.startswith(b"long/") or is_moving or before[path].type == "socket":
            continue
        want_, got = before[path], extracted.get(path)
        name = tarball.shown(path)
        if got is None:
            raise Failure("%s is not extracted" % name)
        for what in ("st_mode", "st_uid", "st_gid", "st_rdev") + (("st_nlink",) if want_.type == "file" else ()):     # whiteouts share one inode
            if getattr(want_.status, what) != getattr(got.status, what):
                raise Failure("%s: %s is %o in the layer and %o extracted" % (name, what, getattr(want_.status, what), getattr(got.status, what)))
        if want_.link != got.link:
            raise Failure("%s: links to %r, extracted to %r" % (name, want_.link, got.link))
        if want_.status.st_mtime_ns != got.status.st_mtime_ns and path != b"long":
            raise Failure("%s: mtime is %d, extracted %d" % (name, want_.status.st_mtime_ns, got.status.st_mtime_ns))
        if want_.attributes != got.attributes:
            raise Failure("%s: attributes are %r, extracted %r" % (name, want_.attributes, got.attributes))
        if want_.type != "file" or rows[path]["redacted"]:
            continue
        if want_.status.st_size != got.status.st_size:
            raise Failure("%s: %d bytes, extracted %d" % (name, want_.status.st_size, got.status.st_size))
        if want_.status.st_size > 1 << 30:
            if got.status.st_blocks * 512 > want_.status.st_blocks * 512 + (1 << 20):
                raise Failure("%s: %d KiB on the disk, extracted %d KiB" % (name, want_.status.st_blocks // 2, got.status.st_blocks // 2))
        elif number % (1 if h.machine.name != "vm" else 20) == 0 or b"odd" in path:
            with open(os.path.join(os.fsencode(h.upper_path), path), "rb") as one, open(os.path.join(top, path), "rb") as other:
                if one.read() != other.read():
                    raise Failure("%s: other content extracted" % name)


def compare_hashes(found, directory):
    """sha256 of the manifest is that of the extracted file, for a sample of rows."""
    with_hash = [row for row in found.rows if row["sha256"] and row.get("hash_of") != "data" and not row["path"].startswith(UPPER + b"long/")
                 and not row["path"].startswith(UPPER + b"race/")]
    for row in random.sample(with_hash, min(200, len(with_hash))):
        with open(os.path.join(os.fsencode(directory), row["path"]), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if digest != row["sha256"]:
            raise Failure("%s: sha256 is %s, the manifest says %s" % (tarball.shown(row["path"]), digest, row["sha256"]))


def compare_processes(h, found, directory):
    """The deleted program and the one in a memfd are there whole, the loud command line is as it was, none of /proc is of another."""
    digests = {row["sha256"]: row for row in found.rows if row["path"].startswith(b"container/processes/") and row["path"].endswith(b"/exe")}
    for what, digest in (("deleted program", h.gone), ("program in a memfd", h.memfd)):
        if digest not in digests:
            raise Failure("the %s is not there whole" % what)
    base = os.path.join(directory, "container", "processes")
    loud = held = 0
    for pid in os.listdir(base):
        try:
            with open(os.path.join(base, pid, "cmdline"), "rb") as file:
                line = file.read()
            loud += line.startswith(b"lo\nud\033[31m\xff\0sleep-ms\0") and len(line) > 131000
        except OSError:
            pass
        for path in glob.glob(os.path.join(base, pid, "deleted", "*")):
            with open(path, "rb") as file:
                held += file.read() == b"deleted-but-open"
    if not loud or not held:
        raise Failure("the long command line is there %d times, the deleted open file %d times" % (loud, held))
    if len(os.listdir(base)) < h.sizes[1] // 2:
        raise Failure("%d processes were collected" % len(os.listdir(base)))


def check_hostile(t, privileged):
    if not t.watched:
        return
    h = hostile(t, privileged)
    h.upper_path = h.upper
    before = tarball.walk(h.upper_path, closed=(b"race",))
    directory = output(t)
    path = os.path.join(directory, "hostile.tar.zst")
    done = collect(t, "--container", h.container.name, "--no-host", "--output", path, limit=60)
    if done.path != path or left(directory) != ["hostile.tar.zst"]:
        raise Failure("it printed %r and left %s" % (done.stdout, left(directory)))
    mode = os.stat(path).st_mode & 0o7777
    if mode != 0o600:
        raise Failure("the tarball's mode is %o" % mode)
    if any(byte < " " and byte != "\n" for byte in done.stderr):
        raise Failure("control characters on standard error: %r" % done.stderr)
    after = tarball.walk(h.upper_path, closed=(b"race",))
    verify(t, path)
    found = tarball.Tarball(path, t.machine)
    search(t, found, dict(h.canaries.secrets(), secret=h.secret), {"a canary inside": h.inside})
    there = compare_rows(h, found, before, after)
    extracted = os.path.join(directory, "extracted")
    found.extract(extracted, leave_out=("container/upper/long/*",))
    compare_extracted(h, there, before, found, extracted)
    compare_hashes(found, extracted)
    compare_processes(h, found, extracted)
    if any(row["path"].startswith(b"host/") for row in found.rows):
        raise Failure("--no-host, and yet: %s" % next(row for row in found.rows if row["path"].startswith(b"host/")))
    volumes = [row for row in found.rows if row["path"].startswith(b"container/mounts/") and row["status"] == "skipped"]
    if len(volumes) < 2:
        raise Failure("no row says that the volumes are left out: %s" % volumes)
    t.note("%.1f s, %d rows, %d KiB: %s" % (done.seconds, len(found.rows), os.path.getsize(path) >> 10,
                                           " ".join("%d %s" % (n, s) for s, n in found.end["by_status"].items())))
    remove_tree(directory)


@act("collect/hostile", kernels=("host", "vm"), engines=("podman", "docker"), own_agent=True)
def hostile_container(t):
    check_hostile(t, False)


@act("collect/hostile-directory", kernels=("host", "uml"), engines=("runc",), own_agent=True)
def hostile_directory(t):
    """Raw runc: the root file system is a plain directory."""
    check_hostile(t, False)
    drop(t)


# ---- limits, on the hostile container ----
@act("collect/deadline", kernels=("host", "vm"), engines=("podman",), own_agent=True)
def deadline(t):
    """One second is not enough: what there was time for, and a row for the rest of the artifacts that were come to."""
    if not t.watched:
        return
    h = hostile(t)
    path = output(t, "deadline.tar.zst")
    done = collect(t, "--container", h.container.name, "--no-host", "--deadline", "1", "--output", path, status=2, limit=15)
    verify(t, path)
    found = tarball.Tarball(path, t.machine)
    late = [row for row in found.rows if row["status"] == "skipped" and "time" in (row["reason"] or "")]
    if not late or found.end["complete"] or not found.end["stopped"]:
        raise Failure("no row says that the time was over: %s" % found.end)
    if done.seconds > 6 * t.machine.factor:
        raise Failure("a deadline of 1 s, and it took %.1f s" % done.seconds)
    t.note("%.1f s, %d rows, %d of them late" % (done.seconds, len(found.rows), len(late)))


@act("collect/size-cap", kernels=("host",), engines=("podman",), own_agent=True)
def size_cap(t):
    if not t.watched:
        return
    h = hostile(t)
    path = output(t, "size.tar.zst")
    collect(t, "--container", h.container.name, "--no-host", "--max-size", "1", "--output", path, status=2)
    verify(t, path)
    found = tarball.Tarball(path, t.machine)
    rows = found.rows
    stored = sum(row["bytes_read"] or 0 for row in rows)
    if found.end["complete"] or not any(row["status"] == "skipped" and "bytes" in (row["reason"] or "") for row in rows):
        raise Failure("no row says that the size was reached: %s" % found.end)
    if stored > 2 << 20:
        raise Failure("1 MiB was asked for, %d bytes were read" % stored)


def mounted(t, size):
    """A small tmpfs for the output; unmounted by the caller."""
    directory = output(t, "small")
    os.makedirs(directory)
    check(["mount", "-t", "tmpfs", "-o", "size=" + size, "none", directory], t.machine.env)
    return directory


@act("collect/full-disk", kernels=("host",), engines=("podman",), own_agent=True)
def full_disk(t):
    """Exit status 1, what to do in words, nothing left behind."""
    if not t.watched:
        return
    h = hostile(t)
    # content that does not compress
    want(h.container.run("sh", "-c", "[ -e /noise ] || head -c 16000000 /dev/urandom > /noise"), 0)
    directory = mounted(t, "3m")
    try:
        done = collect(t, "--container", h.container.name, "--no-host", "--min-free", "0", "--output", directory, status=1)
        # either the archive or the manifest, which has a file of its own, finds it full
        if "--output" not in done.stderr or not ("full" in done.stderr or "No space left" in done.stderr):
            raise Failure("it does not say what to do: %r" % done)
        if left(directory) or done.stdout:
            raise Failure("left behind: %s, printed %r" % (left(directory), done.stdout))
    finally:
        check(["umount", "-l", directory], t.machine.env)


@act("collect/floor", kernels=("host",), engines=("podman",), own_agent=True)
def floor(t):
    """Less is free than must stay free: told, and nothing is written. Reached on the way: a partial collection that is whole."""
    if not t.watched:
        return
    h = hostile(t)
    directory = output(t)
    done = collect(t, "--container", h.container.name, "--no-host", "--min-free", "100000000", "--output", directory, status=(1, 2, 3))
    if "free" not in done.stderr or (done.status != 2 and left(directory)):
        raise Failure("%r, left %s" % (done, left(directory)))
    want(h.container.run("sh", "-c", "[ -e /noise2 ] || head -c 80000000 /dev/urandom > /noise2"), 0)
    directory = mounted(t, "100m")
    try:
        done = collect(t, "--container", h.container.name, "--no-host", "--min-free", "60", "--output", directory, status=2)
        verify(t, done.path)
        found = tarball.Tarball(done.path, t.machine)
        if "space" not in (found.end["stopped"] or ""):
            raise Failure("the manifest does not say why it ended: %s" % found.end)
    finally:
        check(["umount", "-l", directory], t.machine.env)
        want(h.container.run("rm", "-f", "/noise2"), 0)


def until_partial(t, child, path):
    """Waits until the collection is under way: its file has some content."""
    limit = time.monotonic() + 20 * t.machine.factor
    while time.monotonic() < limit:
        if child.poll() is not None:
            raise Failure("it ended before it could be stopped: %r" % finish(t, child, 1))
        try:
            if os.path.getsize(path + ".partial") > 4096:
                return
        except OSError:
            pass
        time.sleep(0.002)
    raise Failure("no %s.partial after 20 s" % path)


def children_of(parent):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name) as stat:
                if name.isdigit() and int(stat.read().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(name))
        except (OSError, ValueError):
            continue
    return found


@act("collect/kill-9", kernels=("host",), engines=("podman",), own_agent=True)
def kill_9(t):
    """Killed on its way: no file of the final name, and a second run takes the first's place. When only the process dies that a
    person started, the one that works cleans up."""
    if not t.watched:
        return
    h = hostile(t)
    path = output(t, "killed.tar.zst")
    child = begin(t, "collect", "--container", h.container.name, "--no-host", "--output", path)
    until_partial(t, child, path)
    for pid in children_of(child.pid):
        os.kill(pid, signal.SIGKILL)
    err = child.communicate()[1]
    if child.returncode != 1 or b"without a word" not in err:
        raise Failure("ended with %d: %r" % (child.returncode, err))
    if os.path.exists(path):
        raise Failure("a killed collection has its final name")
    if left(os.path.dirname(path)) != ["killed.tar.zst.partial"]:
        raise Failure("left: %s" % left(os.path.dirname(path)))
    collect(t, "--container", h.container.name, "--no-host", "--output", path)
    if left(os.path.dirname(path)) != ["killed.tar.zst"]:
        raise Failure("left: %s" % left(os.path.dirname(path)))
    verify(t, path)
    child = begin(t, "collect", "--container", h.container.name, "--no-host", "--output", path + ".2")
    until_partial(t, child, path + ".2")
    child.kill()
    child.communicate()
    limit = time.monotonic() + 10
    while left(os.path.dirname(path)) != ["killed.tar.zst"]:
        if time.monotonic() > limit:
            raise Failure("left: %s" % left(os.path.dirname(path)))
        time.sleep(0.05)


@act("collect/ctrl-c", kernels=("host", "vm"), engines=("podman",), own_agent=True)
def ctrl_c(t):
    """SIGINT, and SIGTERM: it ends soon, not with 0, and nothing is left."""
    if not t.watched:
        return
    h = hostile(t)
    for number in (signal.SIGINT, signal.SIGTERM):
        path = output(t, "stopped.tar.zst")
        child = begin(t, "collect", "--container", h.container.name, "--no-host", "--output", path)
        until_partial(t, child, path)
        child.send_signal(number)
        began = time.monotonic()
        out, err = child.communicate(timeout=60 * t.machine.factor)
        took = time.monotonic() - began
        if child.returncode == 0 or out:
            raise Failure("%s: ended with %d, printed %r" % (number.name, child.returncode, out))
        if left(os.path.dirname(path)):
            raise Failure("%s: left %s (%d, %r)" % (number.name, left(os.path.dirname(path)), child.returncode, err[-300:]))
        if took > 2 * t.machine.factor:
            raise Failure("%s: it went on for %.1f s" % (number.name, took))


@act("collect/another-runs", kernels=("host",), engines=("podman",), own_agent=True)
def another_runs(t):
    """One collection at a time: the second is refused at once and does not disturb the first."""
    if not t.watched:
        return
    h = hostile(t)
    path = output(t, "first.tar.zst")
    child = begin(t, "collect", "--container", h.container.name, "--no-host", "--output", path)
    until_partial(t, child, path)
    second = collect(t, "--container", h.container.name, "--no-host", "--output", path + ".second", status=3, limit=5)
    if "another collection" not in second.stderr.lower():
        raise Failure("it does not say why: %r" % second)
    first = finish(t, child, 60)
    if first.status not in (0, 2) or left(os.path.dirname(path)) != ["first.tar.zst"]:
        raise Failure("%r, left %s" % (first, left(os.path.dirname(path))))
    verify(t, path)


@act("collect/hostile-privileged", kernels=("host", "vm"), engines=("podman",), own_agent=True)
def hostile_privileged(t):
    """With an overlay of its own on /, whose upper directory is another on the host."""
    try:
        check_hostile(t, True)
    finally:
        drop(t)


# ---- a plain container ----
def plain(t, **options):
    drop(t)
    return t.container(**options)


@act("collect/output-exists", kernels=("host",), engines=("podman",), own_agent=True)
def output_exists(t):
    """Exit status 3, the file that is there stays as it is: a file, a link that another user laid, a partial file that is not ours."""
    if not t.watched:
        return
    container = plain(t)
    directory = output(t)
    os.chmod(directory, 0o1777)
    target = os.path.join(t.machine.work, "target")
    path = os.path.join(directory, "out.tar.zst")

    def put_file(name):
        with open(name, "w") as out:
            out.write("precious")
        os.chmod(name, 0o666)
        os.chown(name, 12345, 12345)

    def put_link(name):
        os.symlink(target, name)
        os.chown(name, 12345, 12345, follow_symlinks=False)

    def put_fifo(name):
        os.mkfifo(name, 0o666)
        os.chown(name, 12345, 12345)

    for put in (put_file, put_link, put_fifo, os.mkdir):
        for name in (path, path + ".partial"):
            if put is os.mkdir and name == path:
                continue                 # a directory is one to write into
            for precious in (True, False):
                put(name)
                if precious:
                    put_file(target)
                elif os.path.exists(target):
                    os.unlink(target)
                done = collect(t, "--container", container.name, "--no-host", "--output", path, status=3, limit=20)
                if os.path.basename(path) not in done.stderr or done.stdout:
                    raise Failure("%s %s: %r" % (put.__name__, name, done))
                if left(directory) != [os.path.basename(name)] or os.path.exists(target) != precious:
                    raise Failure("%s %s: left %s, target %s" % (put.__name__, name, left(directory), os.path.exists(target)))
                for kept in ([name] if put is put_file else []) + ([target] if precious else []):
                    with open(kept) as file:
                        if file.read() != "precious":
                            raise Failure("%s %s: %s is not as it was" % (put.__name__, name, kept))
                os.rmdir(name) if put is os.mkdir else os.unlink(name)
    done = collect(t, "--container", container.name, "--no-host", "--output", os.path.join(directory, "not-there", "x"), status=1)
    if "--output" not in done.stderr and "directory" not in done.stderr:
        raise Failure("a directory that is not there: %r" % done)


@act("collect/no-such", kernels=("host",), engines=None, own_agent=True)
def no_such(t):
    if not t.watched:
        return
    directory = output(t)
    with open("/proc/sys/kernel/pid_max") as file:
        pid = int(file.read()) - 1
    for words in (("--container", PREFIX + "no-such"), ("--container", "0123456789ab"), ("--pid", "%d" % pid),
                  ("--container", "../../etc"), ("--container", "")):
        done = collect(t, *words, "--no-host", "--output", directory, status=(4, 64) if not words[1] else 4, limit=20)
        if left(directory) or done.stdout or not done.stderr.strip():
            raise Failure("%s: %r, left %s" % (words, done, left(directory)))


def plain_name(text):
    return re.sub("[^A-Za-z0-9._-]", "-", text)


@act("collect/name", kernels=("host", "uml"), engines=COLLECT, own_agent=True)
def name(t):
    """In a directory: nodeagent-HOST-TARGET-TIME.tar.zst, its path on standard output; collection.json first, manifest.jsonl last."""
    if not t.watched:
        return
    container = plain(t)
    directory = output(t)
    done = collect(t, "--container", container.id[:20], "--no-host", "--output", directory + "/", limit=20)
    name = os.path.basename(done.path)
    if left(directory) != [name] or not name.startswith("nodeagent-%s-" % plain_name(os.uname().nodename)) or not name.endswith("Z.tar.zst"):
        raise Failure("%r, left %s" % (done, left(directory)))
    verify(t, done.path)
    found = tarball.Tarball(done.path, t.machine)
    members = found.members()
    if members[0] != "collection.json" or members[-1] != "manifest.jsonl":
        raise Failure("first %s, last %s" % (members[0], members[-1]))
    t.note("%.1f s, %s" % (done.seconds, " ".join("%d %s" % (n, s) for s, n in found.end["by_status"].items())))


@act("collect/secrets", kernels=("host", "uml"), engines=COLLECT, own_agent=True)
def secrets(t):
    """An environment variable's value is not in the tarball; with --include-secrets it is, which shows that the search would find it."""
    if not t.watched:
        return
    secret = letters(32)
    container = plain(t, more=More(env=("SECRET=" + secret.decode(),)))
    want(container.run("sh", "-c", "mkdir -p /home; printf 'machine h login u password %%s' \"$SECRET\" > /home/.netrc; printf inside-%s-it > /plain"
                       % secret.decode()[::-1]), 0)
    plain_text = ("inside-%s-it" % secret.decode()[::-1]).encode()
    want(container.run("&sleep", "100000"), 0)
    for words in ((), ("--include-secrets",)):
        path = output(t, "secrets.tar.zst")
        collect(t, "--container", container.name, "--no-host", *words, "--output", path, limit=20)
        verify(t, path)
        found = tarball.Tarball(path, t.machine)
        text = found.text().replace(plain_text, b"")     # the search reads backwards as well
        leaks = tarball.search(text, {"the secret": secret})
        redacted = [row["path"] for row in found.rows if row["redacted"]]
        if bool(leaks) != bool(words):
            raise Failure("%s: %s" % (" ".join(words) or "without --include-secrets", "; ".join(leaks) or "not there"))
        if not tarball.search(found.text(), {"plain": plain_text}):
            raise Failure("a plain file is not there")
        if words and redacted or not words and len(redacted) < 3:
            raise Failure("%s: redacted are %s" % (words, redacted[:5]))


@act("collect/pid", kernels=("host", "vm"), engines=("podman",), own_agent=True)
def by_pid(t):
    """A process of a container: its container. A process of the host: itself and what it started, its environment as hashes."""
    if not t.watched:
        return
    container = plain(t)
    pid = check(["podman", "inspect", "--format", "{{.State.Pid}}", container.name], t.machine.env).strip()
    want(container.run("touch", "/made-by-the-act"), 0)
    path = output(t, "pid.tar.zst")
    collect(t, "--pid", pid, "--no-host", "--output", path, limit=20)
    verify(t, path)
    rows = {row["path"] for row in tarball.Tarball(path, t.machine).rows}
    if b"container/upper/made-by-the-act" not in rows or ("container/processes/%s/status" % pid).encode() not in rows:
        raise Failure("the container of pid %s is not there: %d rows" % (pid, len(rows)))
    secret = letters(32)
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & wait"], env=dict(t.machine.env, SECRET=secret.decode()), start_new_session=True)
    try:
        time.sleep(0.3 * t.machine.factor)
        path = output(t, "pid.tar.zst")
        collect(t, "--pid", "%d" % child.pid, "--no-host", "--output", path, limit=20)
        verify(t, path)
        found = tarball.Tarball(path, t.machine)
        pids = {row["path"].split(b"/")[2] for row in found.rows if row["path"].startswith(b"container/processes/")}
        if b"%d" % child.pid not in pids or len(pids) != 2:
            raise Failure("of two processes %s were collected" % pids)
        search(t, found, {"the environment": secret}, {"the command line": b"sleep 1000 & wait"})
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@act("collect/frozen-container", kernels=("host", "uml", "vm"), engines=COLLECT, own_agent=True)
def frozen(t):
    """Its processes stand still: the collection does not, and they go on afterwards."""
    if not t.watched:
        return
    container = plain(t)
    want(container.run("touch", "/made-by-the-act"), 0)

    def engine(word):
        words = {"podman": ["podman"], "docker": t.engine._docker() if t.engine.name == "docker" else [],
                 "runc": ["runc", "--root", getattr(t.engine, "root", "")]}[t.engine.name]
        return [*words, {"thaw": "resume" if t.engine.name == "runc" else "unpause"}.get(word, word), container.name]
    check(engine("pause"), t.machine.env)
    try:
        path = output(t, "frozen.tar.zst")
        done = collect(t, "--container", container.name, "--no-host", "--output", path, limit=20)
        verify(t, path)
        found = tarball.Tarball(path, t.machine)
        if not any(row["path"] == b"container/upper/made-by-the-act" and row["status"] == "ok" for row in found.rows):
            raise Failure("its layer is not there")
        if not any(row["path"].endswith(b"/cmdline") and row["status"] == "ok" for row in found.rows):
            raise Failure("its processes are not there")
        t.note("%.1f s" % done.seconds)
    finally:
        check(engine("thaw"), t.machine.env)
    want(container.run("true"), 0)


@act("collect/fuse", kernels=("host", "vm"), engines=("podman",), own_agent=True)
def fuse(t):
    """A FUSE server of the container's that does not answer: under a process's command line (kernels since 4.17 read past it), and
    under a deleted file that is held open. The collection ends, says which artifacts timed out, and the next one is not refused."""
    if not t.watched:
        return
    if t.kernel == "vm":
        subprocess.run(["modprobe", "fuse"], env=t.machine.env, check=False)
    container = plain(t, privileged=True)
    want(container.run("offender", "fuse", "/mute"), 0)
    want(container.run("offender", "fuse", "/deaf"), 0)
    want(container.run("&offender", "hang", "/mute/f"), 0)
    want(container.run("&offender", "hold-deleted", "/deaf/f"), 0)
    want(container.run("touch", "/made-by-the-act"), 0)
    time.sleep(0.5 * t.machine.factor)
    for _ in range(2):
        path = output(t, "fuse.tar.zst")
        done = collect(t, "--container", container.name, "--no-host", "--deadline", "15", "--output", path, status=2, limit=10)
        verify(t, path)
    found = tarball.Tarball(path, t.machine)
    late = {row["path"].rsplit(b"/", 1)[1] for row in found.rows if row["status"] == "timeout"}
    if not late:
        raise Failure("a file that nobody answers for is no timeout")
    if not any(row["path"] == b"container/upper/made-by-the-act" and row["status"] == "ok" for row in found.rows):
        raise Failure("its layer is not there")
    lines = [found.member(row["path"].decode()) for row in found.rows if row["path"].endswith(b"/cmdline") and row["status"] != "timeout"]
    for word in (b"hold-deleted\0", b"hung\0"):
        if not any(word in line for line in lines):
            raise Failure("the command line of the process that does it is not there: %r" % word)
    t.note("%.1f s, timeouts: %s" % (done.seconds, " ".join(sorted(name.decode() for name in late))))


HOST = ("host/processes.jsonl", "host/etc/passwd", "host/etc/hosts", "host/proc/version", "host/proc/sys/kernel/core_pattern", "host/proc/uptime",
        "host/modules.txt", "host/release-agents.txt", "collection.json")


@act("collect/host", kernels=("host", "uml", "vm"), engines=None, own_agent=True)
def host(t):
    """The host's artifacts are there, and nothing of places that it has no business in; no password hash."""
    if not t.watched:
        return
    canaries = Canaries(t.machine.work)
    try:
        path = output(t, "host.tar.zst")
        done = collect(t, "--host", "--output", path, limit=100)
        verify(t, path)
        found = tarball.Tarball(path, t.machine)
        rows = {row["path"].decode("utf-8", "replace"): row for row in found.rows}
        missing = [name for name in HOST if name not in rows or rows[name]["status"] != "ok"]
        if missing:
            raise Failure("not there: %s" % ", ".join("%s (%s)" % (name, (rows.get(name) or {}).get("reason")) for name in missing))
        if any(name.startswith("container/") for name in rows):
            raise Failure("a container's part, and none was asked for")
        with open("/etc/passwd", "rb") as file:
            passwd = file.read()
        hashes = {}
        with open("/etc/shadow", "rb") as file:
            for number, line in enumerate(file):
                word = line.split(b":")[1]
                if len(word) > 16:
                    hashes["password hash of line %d" % (number + 1)] = word
        search(t, found, dict(canaries.secrets(), **hashes), {"/etc/passwd": passwd[:200]})
        t.note("%.1f s, %d rows, %d KiB, %s" % (done.seconds, len(rows), os.path.getsize(path) >> 10,
                                               " ".join("%d %s" % (n, s) for s, n in found.end["by_status"].items())))
    finally:
        canaries.remove()
