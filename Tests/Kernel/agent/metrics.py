"""The metrics endpoint of a running agent, as Prometheus and an operator use it."""
import json
import os
import socket
import subprocess
import time

from harness import ENVIRON, Failure, act, want

ADDRESS, PORT = "127.0.0.1", 9749        # of config/nodeagent.yaml


def get(path, port=PORT):
    """(status, text)"""
    import urllib.error                  # not in the VM's python3-minimal; these acts are the host's
    import urllib.request
    try:
        with urllib.request.urlopen("http://%s:%d%s" % (ADDRESS, port, path), timeout=6) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, OSError) as error:
        return 0, str(error)


def until(seconds, probe):
    """The first true value of the probe, or the last one after that time."""
    limit = time.monotonic() + seconds
    while True:
        found = probe()
        if found or time.monotonic() > limit:
            return found
        time.sleep(0.1)


def value(page, series):
    for line in page.splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def served(path="/metrics", wanted=200, seconds=5):
    answer = until(seconds, lambda: (lambda found: found if found[0] == wanted else None)(get(path)))
    if not answer:
        raise Failure("%s does not answer %d: %s" % (path, wanted, get(path)))
    return answer[1]


def deliverer(agent):
    """Its pid: the sensor has no other child."""
    with open("/proc/%d/task/%d/children" % (agent.pid, agent.pid)) as children:
        found = children.read().split()
    for thread in os.listdir("/proc/%d/task" % agent.pid):
        with open("/proc/%d/task/%s/children" % (agent.pid, thread)) as children:
            found += children.read().split()
    if not found:
        raise Failure("the sensor has no deliverer")
    return int(found[-1])


MARKED = 'nodeagent_containers_marked_total{before_start="%s"}'
ALERTS = 'nodeagent_alerts_total{rule="%s",priority="Notice"}' % ENVIRON


@act("agent/metrics", kernels=("host",), engines=("runc",), own_agent=True)
def metrics(t):
    """promtool finds nothing wrong, an alert is counted once, and the count outlives the deliverer."""
    if not t.watched:
        return
    t.start_agent()
    if served("/readyz") != "ready\n" or served("/healthz") != "ok\n":
        raise Failure("not ready or not healthy: %s %s" % (get("/readyz"), get("/healthz")))
    container = t.container()
    before = until(5, lambda: value(get("/metrics")[1], 'nodeagent_containers{runtime="runc"}'))
    if before != 1:
        raise Failure("containers of runc: %s" % before)
    starts = until(5, lambda: (lambda found: found if found["true"] + found["false"] else None)(
        {key: value(get("/metrics")[1], MARKED % key) or 0 for key in ("true", "false")}))
    if not starts or starts["true"] + starts["false"] != 1:
        raise Failure("containers that started, by marks: %s" % starts)
    t.note("marked before its first instruction: %s" % ("yes" if starts["true"] else "no"))
    if value(get("/metrics")[1], ALERTS) != 0:
        raise Failure("a rule without an alert is not there with 0")
    since = time.time_ns()
    want(container.run("offender", "r", "open", "/proc/1/environ", "RDONLY"), 0)
    t.expect(ENVIRON, container, since)
    if not until(3, lambda: value(get("/metrics")[1], ALERTS) == 1):
        raise Failure("the alert is not counted: %s" % value(get("/metrics")[1], ALERTS))
    page = served()
    if value(page, "nodeagent_event_to_alert_seconds_count") != 1:
        raise Failure("its delay is not observed")
    lost = [line for line in page.splitlines() if line.startswith("nodeagent_source_events_lost_total") and not line.endswith(" 0")]
    if lost:
        raise Failure("losses without a reason: " + "; ".join(lost))
    if container.id in page:
        raise Failure("a container's id is on the page")
    checked = subprocess.run(["promtool", "check", "metrics"], input=page.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             check=False)
    if checked.returncode or checked.stdout.strip():
        raise Failure("promtool: " + checked.stdout.decode())
    os.kill(deliverer(t.session.agent.child), 9)
    after = until(6, lambda: (lambda text: text if value(text, "nodeagent_deliver_restarts_total") == 1 else None)(get("/metrics")[1]))
    if not after or value(after, ALERTS) != 1:
        raise Failure("after its deliverer was killed: %s" % get("/metrics")[1][:200])
    t.session.agent.stop()
    if get("/metrics")[0] != 0:
        raise Failure("the port is still served after the agent's end")


@act("agent/metrics-scraped", kernels=("host",), engines=None, own_agent=True)
def scraped(t):
    """A real Prometheus takes the page, every second, and knows each family's type."""
    if not t.watched:
        return
    t.start_agent()
    directory = os.path.join(t.machine.work, "prometheus")
    os.makedirs(directory, exist_ok=True)
    config = os.path.join(directory, "prometheus.yml")
    with open(config, "w") as out:
        out.write("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: nodeagent\n"
                  "  static_configs: [{targets: ['%s:%d']}]\n" % (ADDRESS, PORT))
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    with open(os.path.join(directory, "log"), "wb") as log:
        child = subprocess.Popen(["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + os.path.join(directory, "data"),
                                  "--web.listen-address=%s:%d" % (ADDRESS, port)], env=t.machine.env, stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log)
    try:
        def ask(path):
            status, text = get("/api/v1/" + path, port)
            return json.loads(text)["data"] if status == 200 else None

        def scrapes():
            found = ask("query?query=count_over_time(up%5B1m%5D)")
            return found and found["result"] and int(found["result"][0]["value"][1]) >= 5
        if not until(40, scrapes):
            with open(os.path.join(directory, "log"), errors="replace") as log:
                raise Failure("Prometheus did not scrape five times: %s" % log.read()[-300:])
        target = ask("targets")["activeTargets"][0]
        if target["health"] != "up" or target["lastError"]:
            raise Failure("Prometheus says %s: %s" % (target["health"], target["lastError"]))
        failed = ask("query?query=count_over_time((up%3D%3D0)%5B1m%3A1s%5D)")["result"]
        if failed:
            raise Failure("scrapes failed: %s" % failed)
        known = ask("targets/metadata?metric=nodeagent_event_to_alert_seconds")
        if not known or known[0]["type"] != "histogram":
            raise Failure("the histogram's type: %s" % known)
        rules = ask("query?query=count(nodeagent_alerts_total)")["result"]
        if not rules or int(rules[0]["value"][1]) < 5:
            raise Failure("rules with a counter: %s" % rules)
        t.note("scrape took %.1f ms" % (1000 * target["lastScrapeDuration"]))
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@act("agent/metrics-port-in-use", kernels=("host",), engines=None, own_agent=True)
def port_in_use(t):
    """Another program has the port: the agent watches all the same, says what to do, and serves once the port is free."""
    if not t.watched:
        return
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((ADDRESS, PORT))
        other.listen()
        t.start_agent()
        agent = t.session.agent
        if not until(5, lambda: any("no metrics: cannot listen on %s:%d" % (ADDRESS, PORT) in line for line in agent.stderr)):
            raise Failure("nothing is said about the port: %s" % " | ".join(agent.stderr[-3:]))
        if not agent.alive():
            raise Failure("the agent ended")
    served(seconds=13)
    if get("/readyz")[1] != "ready\n":
        raise Failure("not ready: %s" % get("/readyz")[1])
