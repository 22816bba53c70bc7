"""What an analyst does with the tarball of a collection: decompress it, extract it with GNU tar, read its manifest. And a search for
bytes that must not be in it, in every spelling that a collector could have given them.

Nothing here knows how the collector works; the tools are zstd and tar.
"""
import base64
import json
import os
import re
import stat
import subprocess

from harness import Failure, check


# ---- names, as the manifest spells them ----
def unescape(text):
    """The bytes of a name in the manifest: `\\xHH` is a byte, all else is itself."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())


def shown(name):
    return name.decode("utf-8", "backslashreplace").encode("unicode_escape").decode()[:120]


class Tarball:
    def __init__(self, path, machine):
        self.path, self.machine = path, machine
        self.tar = os.path.join(machine.work, "evidence.tar")        # not beside it: there may be no room
        zstd = next((p for p in ("/usr/bin/zstd", os.path.join(machine.work, "zstd")) if os.access(p, os.X_OK)), "zstd")
        check([zstd, "-q", "-d", "-f", "-o", self.tar, path], machine.env)
        self._rows = self._end = None

    def extract(self, directory, leave_out=()):
        """With GNU tar, as an analyst does; what it complains of is a failure."""
        os.makedirs(directory)
        # a directory's header comes before its neighbours', its files after them: without the delay they would change its times
        words = ["tar", "--delay-directory-restore", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-p", "-C", directory]
        words += ["--exclude=" + pattern for pattern in leave_out]
        done = subprocess.run([*words, "-xf", self.tar], env=self.machine.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=300, check=False)
        # keywords of libarchive that GNU tar has no use for
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "unknown extended header keyword" not in line]
        if done.returncode or said:
            raise Failure("tar -x ended with %d: %s" % (done.returncode, " | ".join(said[:5])))

    def member(self, name):
        """The content of one member."""
        return subprocess.run(["tar", "-xOf", self.tar, name], env=self.machine.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=120, check=False).stdout

    def members(self):
        """Names in the archive's order, as GNU tar lists them (escaped)."""
        return check(["tar", "--force-local", "-tf", self.tar], self.machine.env).splitlines()

    @property
    def rows(self):
        """The manifest's rows, `path` and `source` as bytes; header and end are compared with what they say."""
        if self._rows is None:
            lines = self.member("manifest.jsonl").split(b"\n")
            if lines[-1]:
                raise Failure("the manifest's last line is not ended")
            try:
                parsed = [json.loads(line) for line in lines[:-1]]
            except ValueError as error:
                raise Failure("the manifest is no JSON lines: %s" % error)
            if not parsed or parsed[0].get("manifest") != 1 or "rows" not in parsed[-1]:
                raise Failure("the manifest has no header or no end: %s … %s" % (parsed[:1], parsed[-1:]))
            self._end = parsed[-1]
            self._rows = parsed[1:-1]
            for row in self._rows:
                for key in ("kind", "type", "status", "reason", "size", "source_size", "bytes_read", "sha256", "redacted",
                            "started", "ended"):
                    if key not in row:
                        raise Failure("a row without %s: %s" % (key, row))
                for key in ("path", "source"):
                    row[key] = unescape(row[key])
            if self._end["rows"] != len(self._rows):
                raise Failure("the manifest says %d rows and has %d" % (self._end["rows"], len(self._rows)))
            seen = set()
            for row in self._rows:
                # what was another thing at the second look has a second row, without a member
                if row["path"] in seen and (row["type"] != "none" or row["status"] == "ok"):
                    raise Failure("two rows: %s (%s, %s)" % (shown(row["path"]), row["status"], row["reason"]))
                seen.add(row["path"])
        return self._rows

    @property
    def end(self):
        """The manifest's last line."""
        return self.rows and self._end

    def text(self):
        """All of the tar without its NUL bytes, and what is to be found in the compressed file itself."""
        kept = bytearray()
        for path in (self.tar, self.path):
            with open(path, "rb") as file:
                while True:
                    block = file.read(4 << 20)
                    if not block:
                        break
                    kept += block.translate(None, b"\0")
            kept += b"\n"
        return kept


# ---- the search ----
def spellings(secret):
    """(what it is called, bytes): a secret of 16 bytes or more, without NUL, as a collector could write it."""
    if b"\0" in secret:
        raise ValueError("a NUL byte in the secret")
    found = {"raw": secret}
    pairs = ["%02x" % byte for byte in secret]
    for name, between in (("hex", ""), ("hex and spaces", " "), ("hex and colons", ":"), ("0x hex", ",0x"), ("0x hex, spaced", ", 0x")):
        found[name] = between.join(pairs).encode()
        found[name + ", capitals"] = between.replace("x", "X").join(pairs).upper().replace("X", "x").encode()
    # two, four and eight backslashes: a name in JSON, in JSON in JSON, …
    for count in (1, 2, 4, 8):
        slash = "\\" * count
        found["all bytes as %sxHH" % slash] = "".join(slash + "x" + pair for pair in pairs).encode()
        found["all bytes as %su00HH" % slash] = "".join(slash + "u00" + pair for pair in pairs).encode()
        found["all bytes as %sNNN" % slash] = "".join("%s%03o" % (slash, byte) for byte in secret).encode()
        for form in ("x%02x", "u00%02x", "%03o"):
            plain = "".join(chr(b) if 32 <= b < 127 and b not in b'\\"' else slash + form % b for b in secret).encode()
            found["others as %s%s" % (slash, form)] = plain
    for name, safe in (("percent, all", b""), ("percent", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")):
        text = "".join(chr(b) if b in safe else "%%%02X" % b for b in secret)
        found[name] = text.encode()
        found[name + ", small"] = re.sub("%..", lambda m: m[0].lower(), text).encode()
    for shift in range(3):
        # the characters that depend on this secret's bytes alone
        whole = base64.b64encode(b"\1" * shift + secret)
        first, last = -(-8 * shift // 6), (shift + len(secret)) * 8 // 6
        part = whole[first:last]
        found["base64 at %d" % shift] = part
        found["base64 at %d, for URLs" % shift] = part.translate(bytes.maketrans(b"+/", b"-_"))
        found["base64 at %d, in JSON" % shift] = part.replace(b"/", b"\\/")
        found["base64 at %d, in JSON in JSON" % shift] = part.replace(b"/", b"\\\\\\/")
    latin = secret.decode("latin-1").encode()
    found["taken for Latin-1"] = latin
    found["backwards"] = secret[::-1]
    unique = {}
    for name, text in found.items():
        unique.setdefault(bytes(text), name)
    return [(name, text) for text, name in unique.items()]


def search(text, secrets):
    """secrets: name -> bytes. What is found, for people."""
    found = []
    for name, secret in secrets.items():
        for spelling, needle in spellings(secret):
            at = text.find(needle)
            if at >= 0:
                around = bytes(text[max(0, at - 200):at])
                found.append("%s (%s) after %r" % (name, spelling, around))
    return found


def search_can_fail():
    """The search finds each spelling; a search that finds nothing proves nothing."""
    for secret in (bytes(range(0xa0, 0xb0)), b"Zm9v?YmFy>YmF6/x"):
        samples = [secret, secret.hex().encode(), json.dumps({"a": secret.decode("latin-1")}).encode()]
        samples += [base64.b64encode(b"xy"[:n] + secret + b"tail"[:m]) for n in range(3) for m in range(3)]
        samples += [json.dumps(json.dumps({"a": base64.b64encode(b"k" + secret).decode()})).encode()]
        samples += [json.dumps({"a": json.dumps({"b": "".join("\\x%02x" % b for b in secret)})}).encode()]
        samples += ["".join("%%%02x" % b for b in secret).encode()]
        for sample in samples:
            if not search(b"before" + sample + b"after", {"x": secret}):
                raise Failure("the search itself: %r is not found in %r" % (secret, sample))
    if search(b"nothing of the kind", {"x": b"0123456789abcdef"}):
        raise Failure("the search itself: something is found in nothing")


# ---- a directory tree as it is ----
class Object:
    def __init__(self, status, link, attributes):
        self.status, self.link, self.attributes = status, link, attributes

    @property
    def type(self):
        for is_type, name in ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "symlink"), (stat.S_ISFIFO, "fifo"),
                              (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "char"), (stat.S_ISBLK, "block")):
            if is_type(self.status.st_mode):
                return name
        return "none"


def attributes_of(path):
    try:
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
    except OSError:
        return {}


def walk(root, closed=()):
    """raw relative path -> Object, of everything below root. Whatever the depth, two descriptors; links are not followed. The
    directories named in `closed` are not entered. What goes away meanwhile is not in it."""
    found = {}
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    current = os.open(root, flags)
    waiting = [(b"", [])]                    # of each directory on the way down: its path, names still to be entered

    def visit(prefix, names):
        for entry in os.listdir(current):
            raw = os.fsencode(entry)
            try:
                status = os.lstat(raw, dir_fd=current)
                link = os.readlink(raw, dir_fd=current) if stat.S_ISLNK(status.st_mode) else None
            except OSError:
                continue
            path = prefix + raw
            found[path] = Object(status, link, attributes_of(b"/proc/self/fd/%d/%s" % (current, raw)))
            if stat.S_ISDIR(status.st_mode) and path not in closed:
                names.append(raw)

    try:
        visit(b"", waiting[0][1])
        while waiting:
            prefix, names = waiting[-1]
            if names:
                name = names.pop()
                try:
                    below = os.open(name, flags, dir_fd=current)
                except OSError:
                    continue
                os.close(current)
                current = below
                waiting.append((prefix + name + b"/", []))
                visit(*waiting[-1])
            else:
                waiting.pop()
                if waiting:
                    above = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=current)
                    os.close(current)
                    current = above
    finally:
        os.close(current)
    return found
