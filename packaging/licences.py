#!/usr/bin/env python3
"""licences.py PROGRAM [--write] - what the program is made of, with its licence: docs/licences.md.

Versions come from Package.resolved and from the program's own list of libraries. A package or a library that has no licence here
fails: somebody has to read it first. Without --write the page is compared, and a difference fails as well."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "licences.md")
APACHE = "Apache-2.0"
# identity in Package.resolved: licence, what it carries with it
PACKAGES = {
    "yams": ("MIT", "libyaml (MIT)"),
    "swift-crypto": (APACHE, "BoringSSL (OpenSSL, ISC and others), XKCP (CC0-1.0)"),
    "swift-nio": (APACHE, "llhttp (MIT), a SHA-1 of the WIDE project (BSD-3-Clause), FreeBSD's and OpenBSD's compatibility code (BSD)"),
    "swift-nio-ssl": (APACHE, "BoringSSL (OpenSSL, ISC and others)"),
}
for name in ("async-http-client hummingbird swift-algorithms swift-argument-parser swift-asn1 swift-async-algorithms swift-atomics "
             "swift-certificates swift-collections swift-configuration swift-distributed-tracing swift-http-structured-headers "
             "swift-http-types swift-log swift-metrics swift-nio-extras swift-nio-http2 swift-nio-transport-services swift-numerics "
             "swift-service-context swift-service-lifecycle swift-system").split():
    PACKAGES[name] = (APACHE, "")
# soname: Debian package, licence
LIBRARIES = {
    "libarchive.so.13": ("libarchive13", "BSD-2-Clause"),
    "libaudit.so.1": ("libaudit1", "LGPL-2.1-or-later"),
    "libcap.so.2": ("libcap2", "BSD-3-Clause or GPL-2 (taken: BSD-3-Clause)"),
    "libseccomp.so.2": ("libseccomp2", "LGPL-2.1"),
    "libstdc++.so.6": ("libstdc++6", "GPL-3 with GCC Runtime Library Exception"),
    "libgcc_s.so.1": ("libgcc-s1", "GPL-3 with GCC Runtime Library Exception"),
    "libm.so.6": ("libc6", "LGPL-2.1-or-later"),
    "libc.so.6": ("libc6", "LGPL-2.1-or-later"),
    "ld-linux-x86-64.so.2": ("libc6", "LGPL-2.1-or-later"),
}


def page(program):
    with open(os.path.join(ROOT, "Package.resolved")) as text:
        pins = json.load(text)["pins"]
    needed = [line.split("[")[1].rstrip("]") for line in subprocess.run(
        ["readelf", "-d", program], stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n") if "(NEEDED)" in line]
    missing = [p["identity"] for p in pins if p["identity"] not in PACKAGES] + [n for n in needed if n not in LIBRARIES]
    if missing:
        sys.exit("licences.py: no licence known of %s: read it, then add it" % ", ".join(missing))
    lines = ["# Licences", "", "nodeagent is distributed under Apache-2.0 (LICENSE). `packaging/licences.py .build/release/nodeagent --write`",
             "writes this page; the package's build compares it.", "",
             "## Linked statically", "",
             "Of the packages that `Package.resolved` names some are there for others' sake alone and are not linked (SwiftNIO's",
             "HTTP/2 and TLS, certificates, the HTTP client). The Swift standard library and runtime, libdispatch and Foundation 6.3 are",
             "Apache-2.0 with Runtime Library Exception; Foundation carries ICU (Unicode-3.0).", "",
             "| package | version | licence | carries |", "|---|---|---|---|"]
    for pin in sorted(pins, key=lambda p: p["identity"]):
        licence, carried = PACKAGES[pin["identity"]]
        lines.append("| %s | %s | %s | %s |" % (pin["identity"], pin["state"].get("version", pin["state"]["revision"][:12]), licence, carried))
    lines += ["", "## Linked dynamically", "", "Debian's own, as dependencies of the package. LGPL libraries stay replaceable this way.", "",
              "| library | Debian package | licence |", "|---|---|---|"]
    for soname in sorted(set(needed)):
        lines.append("| %s | %s | %s |" % (soname, *LIBRARIES[soname]))
    lines += ["", "No GPL library is linked: libnftables, for one, is not.", ""]
    return "\n".join(lines)


def main():
    made = page(sys.argv[1])
    if sys.argv[2:] == ["--write"]:
        with open(PAGE, "w") as out:
            out.write(made)
        return
    with open(PAGE) as old:
        if old.read() != made:
            sys.exit("licences.py: docs/licences.md is not up to date: packaging/licences.py %s --write" % sys.argv[1])


if __name__ == "__main__":
    main()
