"""Audit as others see it and change it, and what the agent says to that."""
import os
import subprocess
import time

from harness import Failure

AUDITD_CONF = """local_events = yes
write_logs = yes
log_file = %s/audit.log
log_group = root
log_format = RAW
flush = NONE
max_log_file = 8
num_logs = 2
priority_boost = 4
name_format = NONE
max_log_file_action = IGNORE
space_left = 2
admin_space_left = 1
space_left_action = IGNORE
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
use_libwrap = no
"""


def audit(t):
    """Rules and settings, without the counters."""
    def run(*words):
        return subprocess.run(["auditctl", *words], env=t.machine.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()
    settings = [line for line in run("-s").splitlines() if line.split(" ")[0] in
                ("enabled", "failure", "pid", "rate_limit", "backlog_limit", "backlog_wait_time")]
    return settings, run("-l").splitlines()


def auditctl(t, *words):
    done = subprocess.run(["auditctl", *words], env=t.machine.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode()


def setting(t, name):
    return next(line.split()[1] for line in auditctl(t, "-s").splitlines() if line.split(" ")[0] == name)


def until(t, seconds, probe):
    limit = time.monotonic() + seconds * t.machine.factor
    while not probe():
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def told(t, rule, text="", seconds=4):
    """The alerts of this rule since the agent's start whose output has the text; fails when there is none in time."""
    def found():
        with t.session.agent.changed:
            return [a for a in t.session.agent.alerts if a.get("rule") == rule and text in a.get("output", "")]
    if not until(t, seconds, found):
        raise Failure("nothing told of '%s' %s: %s" % (rule, text, [a.get("output") for a in t.session.agent.alerts][-6:]))
    return found()


def configured(t, **changes):
    """The path of the run's configuration with these lines changed."""
    agent = t.session.agent
    with open(agent.config) as source:
        text = source.read()
    text = text.replace("  - rules/", "  - %s/rules/" % os.path.dirname(agent.config))
    for old, new in changes.values():
        if old not in text:
            raise Failure("the configuration has no '%s'" % old)
        text = text.replace(old, new)
    path = os.path.join(t.machine.work, "changed.yaml")
    with open(path, "w") as out:
        out.write(text)
    return path
