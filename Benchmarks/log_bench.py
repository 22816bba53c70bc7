#!/usr/bin/python3 -B
"""How fast a log of a million records is read: beside laurel and ausearch, which Debian has.

usage: log_bench.py [--bench PATH] [--records N]

Writes the log (opens of files and starts of programs, as auditd writes them, the same at each run), lets each program read it
three times in turns and compares the processor times of the fastest. Ours goes from the file to normalised events; laurel parses,
assembles and writes JSON; ausearch parses and assembles. Ends with 1 when laurel takes less than ten times ours, or when one
counts other events than were written.
"""
import getopt
import os
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROUNDS = 3
OPEN = ("SYSCALL msg={0}: arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd7dd0c8a0 a2=80000 a3=0 items=1 ppid=2013 "
        'pid={1} auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm="cat" '
        'exe="/usr/bin/cat" subj=unconfined key="files"',
        'CWD msg={0}: cwd="/var/lib/app"',
        'PATH msg={0}: item=0 name="/etc/ld.so.cache" inode=2381 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL '
        "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
        "PROCTITLE msg={0}: proctitle=636174002F6574632F6D6F7464",
        "EOE msg={0}: ")
EXEC = ("SYSCALL msg={0}: arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=0 items=2 ppid=2013 pid={1} "
        "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 "
        'comm="sort" exe="/usr/bin/sort" subj=unconfined key="programs"',
        'EXECVE msg={0}: argc=3 a0="sort" a1="-n" a2="/var/lib/app/numbers"',
        'CWD msg={0}: cwd="/home/user"',
        'PATH msg={0}: item=0 name="/usr/bin/sort" inode=4711 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL '
        "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
        'PATH msg={0}: item=1 name="/lib64/ld-linux-x86-64.so.2" inode=815 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 '
        "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
        "PROCTITLE msg={0}: proctitle=736F7274002D6E002F7661722F6C69622F6170702F6E756D62657273",
        "EOE msg={0}: ")


def write_log(path, records):
    """(records, events) that it wrote."""
    written = serial = 0
    with open(path, "w", buffering=1 << 20) as out:
        while written < records:
            shape = EXEC if serial % 4 == 3 else OPEN
            stamp = "audit(%d.%03d:%d)" % (1700000000 + serial // 1000, serial % 1000, serial + 1)
            for line in shape:
                out.write("type=" + line.format(stamp, 400 + serial % 30000) + "\n")
            written += len(shape)
            serial += 1
    return written, serial


def spent(command, **files):
    """(processor seconds of the command, what it printed)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False, **files)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit("%s: status %d: %s" % (command[0], done.returncode, done.stderr.decode(errors="replace")[-400:]))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main():
    options = dict(getopt.getopt(sys.argv[1:], "", ["bench=", "records="])[0])
    bench = options.get("--bench", os.path.join(ROOT, ".build", "release", "Bench"))
    missing = [name for name in ("laurel", "ausearch") if not shutil.which(name)]
    if missing:
        print("installing laurel auditd", flush=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "laurel", "auditd"], check=True,
                       stdout=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    with tempfile.TemporaryDirectory() as work:
        log = os.path.join(work, "audit.log")
        records, events = write_log(log, int(options.get("--records", 1_000_000)))
        made = os.path.join(work, "laurel")
        os.makedirs(made)
        config = os.path.join(work, "laurel.toml")
        with open(config, "w") as out:
            out.write('directory = "%s"\nuser = "root"\n[auditlog]\nfile = "audit.jsonl"\nsize = 10000000000\n' % made)
        times = {"ours": [], "laurel": [], "ausearch": []}
        failed = False
        for _ in range(ROUNDS):
            time, said = spent([bench, "log", log], stdout=subprocess.PIPE)
            times["ours"].append(time)
            if int(said) != events:
                print("FAIL ours: %d events of %d" % (int(said), events))
                failed = True
            with open(log) as source:
                times["laurel"].append(spent(["laurel", "-c", config], stdin=source, stdout=subprocess.DEVNULL)[0])
            with open(os.path.join(made, "audit.jsonl")) as lines:
                count = sum(1 for _ in lines)
            os.remove(os.path.join(made, "audit.jsonl"))
            if count < events - 100:
                print("FAIL laurel: %d events of %d" % (count, events))
                failed = True
            times["ausearch"].append(spent(["ausearch", "--raw", "-if", log], stdout=subprocess.DEVNULL)[0])
        best = {name: min(each) for name, each in times.items()}
        for name in times:
            print("ok   a log of %d records, %s: %.2f s, %.0f records/s" % (records, name, best[name], records / best[name]))
        for name, limit in (("laurel", 10.0), ("ausearch", 1.0)):
            ratio = best[name] / best["ours"]
            failed |= ratio < limit
            print("%s %s to ours, processor time: %.1f x  at least %.0f" % ("ok  " if ratio >= limit else "FAIL", name, ratio, limit))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
