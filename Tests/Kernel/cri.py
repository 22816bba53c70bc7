#!/usr/bin/python3 -B
"""Pods of one container by containerd's CRI (runtime.v1), made as the kubelet makes them: gRPC over its socket.

usage: cri.py pod=POD namespace=NAMESPACE name=NAME image=IMAGE cgroup=cgroupfs|systemd directory=DIR [privileged=yes]
              -- COMMAND [ARG...]

Makes the pod, passes its stdin to the command and what the command prints to its stdout, and removes the pod when the
command or its stdin ends. DIR is the pod's alone: two pipes, which the container sees at /io, and `ids` (container,
sandbox).

The client is as small as the interface allows: a connection for each call, one stream, headers that are neither
compressed nor remembered, answers of up to 64 KiB (HTTP/2's first window).
"""
import os
import select
import socket
import struct
import sys
import time

SOCKET = "/run/containerd/containerd.sock"
RUNTIME, IMAGES = "runtime.v1.RuntimeService", "runtime.v1.ImageService"


class Failed(OSError):
    """A call's status is not OK."""


# ---- protobuf ----
def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes((number,)))


def message(*fields):
    """Pairs of field number and value: a number, a text, a message, or a list of these. None and 0 are left out."""
    out = b""
    for number, value in fields:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, str):
                one = one.encode()
            if isinstance(one, bytes):
                out += varint(number << 3 | 2) + varint(len(one)) + one
            elif one:
                out += varint(number << 3) + varint(one)
    return out


def pairs(table):
    """Of a field of type map<string, string>."""
    return [message((1, key), (2, value)) for key, value in table.items()]


def parse(data):
    """{field number: its last value}: a number, or the bytes of a text or message."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            at += 1
            if data[at - 1] < 128:
                return value
            shift += 7
    while at < len(data):
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        else:
            size = number() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
            found[key >> 3], at = data[at:at + size], at + size
    return found


# ---- gRPC over HTTP/2 (RFC 9113; header fields: RFC 7541) ----
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM = ACK = 1
END_HEADERS = 4
# the codes of printable text by their length: Huffman's canonical ones, so that the order says the rest
SYMBOLS = {5: "012aceiost", 6: " %-./3456789=A_bdfghlmnpru", 7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz", 8: "&*,;XZ",
           10: "!\"()?", 11: "'+|", 12: "#>", 13: "\0$@[]~", 14: "^}", 15: "<`{", 19: "\\"}
CODES, code, before = {}, 0, 0
for length, symbols in SYMBOLS.items():
    code, before = code << (length - before), length
    for symbol in symbols:
        CODES["{:0{}b}".format(code, length)] = symbol
        code += 1


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(text):
    return bytes((len(text),)) + text.encode()           # shorter than 127 each


def header_fields(block):
    """Those that are spelt out. No table is used (we allow none), and the static one has nothing of gRPC's."""
    found, at = {}, 0

    def number(bits):
        nonlocal at
        value, at = block[at] & (1 << bits) - 1, at + 1
        if value < (1 << bits) - 1:
            return value
        for shift in range(0, 32, 7):
            value, at = value + ((block[at] & 127) << shift), at + 1
            if block[at - 1] < 128:
                return value
        raise Failed("a header's number is too large")

    def text():
        nonlocal at
        packed = block[at] & 128
        size = number(7)
        raw, at = block[at:at + size], at + size
        if not packed:
            return raw.decode("utf-8", "replace")
        out = bits = ""
        for bit in "".join("{:08b}".format(byte) for byte in raw):
            bits += bit
            if bits in CODES:
                out, bits = out + CODES[bits], ""
        return out
    while at < len(block):
        if block[at] & 128:
            number(7)
        elif block[at] & 224 == 32:
            number(5)
        else:
            name = "" if number(6 if block[at] & 64 else 4) else text()
            found[name] = text()
    return found


def call(method, request, service=RUNTIME, timeout=120):
    """A call's answer, parsed. A Failed with the daemon's words when it says no."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout)
        link.connect(SOCKET)

        def exactly(size):
            data = b""
            while len(data) < size:
                block = link.recv(size - len(data))
                if not block:
                    raise Failed("%s: the connection has ended" % method)
                data += block
            return data
        head = ((":method", "POST"), (":scheme", "http"), (":path", "/%s/%s" % (service, method)),
                (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers"))
        fields = b"".join(b"\0" + literal(name) + literal(value) for name, value in head)
        link.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                     + frame(SETTINGS, 0, 0, struct.pack(">HI", 1, 0))       # a table of no headers
                     + frame(HEADERS, END_HEADERS, 1, fields)
                     + frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(request)) + request))
        answer, block, ended = b"", b"", False
        while True:
            prefix = exactly(9)
            kind, flags = prefix[3:5]
            payload = exactly(int.from_bytes(prefix[:3], "big"))
            if kind in (SETTINGS, PING):
                if not flags & ACK:
                    link.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            elif kind in (RST_STREAM, GOAWAY):
                raise Failed("%s: %s %r" % (method, "reset" if kind == RST_STREAM else "goaway", payload))
            elif kind == DATA:
                answer += payload
            elif kind in (HEADERS, CONTINUATION):
                block += payload
                ended = ended or kind == HEADERS and flags & END_STREAM
                if ended and flags & END_HEADERS:
                    break
        fields = header_fields(block)
        if fields.get("grpc-status") != "0":
            raise Failed("%s: status %s %s" % (method, fields.get("grpc-status"), fields.get("grpc-message")))
        return parse(answer[5:])


# ---- pods ----
POD, CONTAINER, NODE = 0, 1, 2           # whose namespace
UNCONFINED = message((1, 1))
MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def cgroup_of_pod(driver, uid):
    """Of the class BestEffort."""
    if driver == "cgroupfs":
        return "/kubepods/besteffort/pod" + uid
    return "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod%s.slice" % uid.replace("-", "_")


class Pod:
    """Of what the usage line names. Field numbers are those of k8s.io/cri-api, pkg/apis/runtime/v1/api.proto."""

    def __init__(self, wanted, command):
        with open("/proc/sys/kernel/random/uuid") as kernel:
            uid = kernel.read().strip()
        self.sandbox = self.container = None
        privileged = "privileged" in wanted
        # NamespaceOption: with the node's network no CNI is needed
        spaces = message((1, NODE), (2, CONTAINER), (3, POD))
        labels = {"io.kubernetes.pod.name": wanted["pod"], "io.kubernetes.pod.namespace": wanted["namespace"],
                  "io.kubernetes.pod.uid": uid}
        linux = message((1, cgroup_of_pod(wanted["cgroup"], uid)), (2, message((1, spaces), (6, privileged))))
        # PodSandboxConfig: metadata, DNS, labels, linux
        self.config = message((1, message((1, wanted["pod"]), (2, uid), (3, wanted["namespace"]))),
                              (4, message((1, "127.0.0.1"))), (6, pairs(labels)), (8, linux))
        labels["io.kubernetes.container.name"] = wanted["name"]
        resources = message((1, 100000), (3, 2), (5, 1000))      # of BestEffort: CPU period, CPU shares, OOM score
        security = message((2, privileged), (3, spaces), (13, MASKED), (14, READ_ONLY), (15, UNCONFINED))
        # ContainerConfig: metadata, image, command, mounts, labels, linux
        self.wanted = message((1, message((1, wanted["name"]))), (2, message((1, wanted["image"]))), (3, list(command)),
                              (7, message((1, "/io"), (2, wanted["directory"]))), (9, pairs(labels)),
                              (15, message((1, resources), (2, security))))

    def create(self):
        self.sandbox = call("RunPodSandbox", message((1, self.config)))[1].decode()
        request = message((1, self.sandbox), (2, self.wanted), (3, self.config))
        self.container = call("CreateContainer", request)[1].decode()

    def start(self):
        call("StartContainer", message((1, self.container)))

    def remove(self):
        if self.container:
            call("RemoveContainer", message((1, self.container)))
        if self.sandbox:
            remove_sandbox(self.sandbox)


def remove_sandbox(sandbox):
    """With what is in it."""
    call("StopPodSandbox", message((1, sandbox)))
    call("RemovePodSandbox", message((1, sandbox)))


def exec_sync(container, command, timeout=60):
    """(exit status, stdout, stderr) of a command in the container."""
    answer = call("ExecSync", message((1, container), (2, list(command)), (3, timeout)), timeout=timeout + 60)
    return answer.get(3, 0), answer.get(1, b""), answer.get(2, b"")


def image_id(name, seconds):
    """By which the kubelet names it. The CRI learns of an import by an event of the daemon's."""
    limit = time.monotonic() + seconds
    while True:
        image = call("ImageStatus", message((1, message((1, name)))), IMAGES).get(1)
        if image:
            return parse(image)[1].decode()
        if time.monotonic() > limit:
            raise Failed("the CRI does not know %s" % name)
        time.sleep(0.1)


def main(arguments):
    at = arguments.index("--")
    wanted = dict(word.split("=", 1) for word in arguments[:at])
    paths = [os.path.join(wanted["directory"], name) for name in ("in", "out")]
    for path in paths:
        os.mkfifo(path)
    into = os.open(paths[0], os.O_RDWR)                  # open at both ends: nobody has to wait for the other
    out = os.open(paths[1], os.O_RDONLY | os.O_NONBLOCK)
    pod = Pod(wanted, ["sh", "-c", 'exec "$@" < /io/in > /io/out', "sh", *arguments[at + 1:]])
    try:
        pod.create()
        with open(os.path.join(wanted["directory"], "ids"), "w") as ids:
            ids.write("%s %s\n" % (pod.container, pod.sandbox))
        pod.start()
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(out, select.POLLIN)
        patience = None
        while True:
            ready = [fd for fd, _ in poll.poll(patience)]
            if out in ready:
                block = os.read(out, 65536)
                if not block:
                    break
                os.write(1, block)
            elif 0 in ready:
                block = os.read(0, 65536)
                if block:
                    os.write(into, block)
                else:
                    poll.unregister(0)
                    os.close(into)
                    patience = 3000                      # ms: for the command to end by itself
            else:
                break
    finally:
        pod.remove()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit("cri.py: %s" % error)
