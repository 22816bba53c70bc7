#!/usr/bin/python3 -B
"""What is linked into the program, with version and licence, out of what the build wrote.

usage: packaging/licences.py [--build DIRECTORY]            prints docs/licences.md
       packaging/licences.py [--build DIRECTORY] --check    compares it with the file, and debian/copyright with it
       packaging/licences.py [--build DIRECTORY] --notices  prints the NOTICE files of the linked packages

DIRECTORY is SwiftPM's, `.build` by default, after `make build`. What is linked is decided by the linker's own list of objects,
not by what Package.swift asks for. Code in C inside a package has a licence of its own more often than not: one that is not
in FOREIGN is an error, as is a shared library that is not in LIBRARIES, until somebody has looked. Ends with 1 on an error.
"""
import argparse
import json
import os
import re
import subprocess
import sys

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "docs/licences.md"
COPYRIGHT = "packaging/debian/copyright"

# Modules with C, C++ or assembler: None where it is the package's own, else what it is and under which licence.
FOREIGN = {
    "CCryptoBoringSSL": ("BoringSSL, with code from fiat-crypto", "Apache-2.0; fiat-crypto: MIT"),
    "CCryptoBoringSSLShims": None,
    "CNIOAtomics": ("cpp_magic.h of uSHET", "MIT"),
    "CNIODarwin": None,
    "CNIOFreeBSD": None,
    "CNIOLLHTTP": ("llhttp of Node.js", "MIT"),
    "CNIOLinux": None,
    "CNIOOpenBSD": None,
    "CNIOPosix": None,
    "CNIOWASI": None,
    "CNIOWindows": None,
    "CSystem": None,
    "CXKCP": ("eXtended Keccak Code Package", "CC0-1.0"),
    "CXKCPShims": None,
    "CYaml": ("LibYAML", "MIT"),
    "_AtomicsShims": None,
    "_NumericsShims": None,
}

# What `-static-stdlib` and the linker's flags in Package.swift take out of the toolchain.
RUNTIME = (
    ("standard library, runtime, concurrency, regular expressions, Foundation, CoreFoundation, collections",
     "Apache-2.0 with Runtime Library Exception"),
    ("libdispatch, blocks runtime", "Apache-2.0 with Runtime Library Exception"),
    ("ICU 76 (FoundationICU)", "Unicode-3.0"),
)
RUNTIME_FLAGS = {"CoreFoundation", "_FoundationICU", "_FoundationCShims", "_FoundationCollections"}

# Debian's package of each shared library, and under which of its licences it is used.
LIBRARIES = {
    "libarchive13": "BSD-2-Clause",
    "libaudit1": "LGPL-2.1-or-later",
    "libc6": "LGPL-2.1-or-later",
    "libcap2": "BSD-3-Clause",
    "libgcc-s1": "GPL-3.0-or-later with GCC-exception-3.1",
    "libseccomp2": "LGPL-2.1-only",
    "libstdc++6": "GPL-3.0-or-later with GCC-exception-3.1",
    "libsystemd0": "LGPL-2.1-or-later",
}


def fail(text):
    sys.exit("licences.py: " + text)


def read(path):
    with open(path) as file:
        return file.read()


def linked_modules(build):
    """The modules whose objects the linker was given."""
    objects = read(os.path.join(build, "release/nodeagent.product/Objects.LinkFileList"))
    return set(re.findall(r"/release/([^/\s]+)\.build/", objects))


def origins(build):
    """module: (package, has C), of every module of another package, out of the build's plan."""
    found = {}
    for inputs, outputs in re.findall(r"^    inputs: (\[.*\])\n    outputs: (\[.*\])$", read(os.path.join(build, "release.yaml")), re.M):
        package = re.search(r"/checkouts/([^/]+)/", inputs)
        module = re.search(r"/release/([^/]+)\.build/[^\"]*\.o\"", outputs)
        if package and module:
            is_c = re.match(r'\["[^"]*\.(c|cc|cpp|S|s)"', inputs) is not None
            found[module[1]] = (package[1], is_c or found.get(module[1], (None, False))[1])
    return found


def licence(directory):
    """SPDX name, by the text of the package's licence file."""
    names = sorted(name for name in os.listdir(directory) if name.upper().startswith("LICENSE"))
    text = read(os.path.join(directory, names[0])) if names else ""
    if "Apache License" in text:
        return "Apache-2.0" + (" with Runtime Library Exception" if "Runtime Library Exception" in text else "")
    if "Permission is hereby granted, free of charge" in text:
        return "MIT"
    fail("the licence of %s is not one that is known" % directory)


def packages(build):
    """(identity, pin, checkout, linked modules) of each package of which something is linked."""
    pins = {pin["location"].rstrip("/").rsplit("/", 1)[1].removesuffix(".git"): pin
            for pin in json.loads(read(os.path.join(os.path.dirname(os.path.abspath(build)), "Package.resolved")))["pins"]}
    modules, origin = linked_modules(build), origins(build)
    by_package = {}
    for module in modules:
        if module not in origin:
            if not os.path.isdir(os.path.join(TREE, "Sources", module)):
                fail("the module %s comes from nowhere" % module)
            continue
        package, is_c = origin[module]
        if is_c and module not in FOREIGN:
            fail("the module %s of %s has C code: look whose it is, and add it to FOREIGN" % (module, package))
        by_package.setdefault(package, set()).add(module)
    for name in sorted(by_package, key=str.lower):
        if name not in pins:
            fail("Package.resolved has no " + name)
        yield name, pins[name], os.path.join(build, "checkouts", name), by_package[name]


def libraries(build):
    """Debian's packages of the shared libraries that the program itself asks for."""
    program = os.path.join(build, "release/nodeagent")
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", subprocess.check_output(["readelf", "-d", program], text=True))
    paths = dict(re.findall(r"^\s*(\S+) => (\S+)", subprocess.check_output(["ldd", program], text=True), re.M))
    found = set()
    for name in needed:
        if name.startswith("ld-linux"):
            continue
        path = paths.get(name, "")
        # dpkg knows a file by the name under which the package holds it, on either side of the merged /usr.
        for candidate in (path, os.path.realpath(path), os.path.realpath(path).removeprefix("/usr")):
            owner = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True)
            if owner.returncode == 0:
                break
        else:
            fail("no package has %s (%s)" % (name, path))
        package = owner.stdout.split(":", 1)[0]
        if package not in LIBRARIES:
            fail("%s of %s is linked: look at its licence, and add it to LIBRARIES" % (name, package))
        found.add(package)
    return sorted(found)


def toolchain():
    told = subprocess.run([os.environ.get("SWIFT", "swift"), "--version"], capture_output=True, text=True).stdout
    version = re.search(r"Swift version (\S+)", told)
    return version[1] if version else fail("swift --version says no version")


def page(build):
    flags = set(re.findall(r'"-l(\w+)"', read(os.path.join(TREE, "Package.swift"))))
    if flags != RUNTIME_FLAGS:
        fail("Package.swift links other parts of the toolchain than RUNTIME_FLAGS has")
    lines = [
        "# Licences", "",
        "nodeagent is under the Apache License 2.0 (`LICENSE`). What is linked into the program, and what it loads, is below.",
        "`packaging/licences.py` writes this page out of what the build linked; `make deb` fails when it is not up to date.", "",
        "## Linked statically", "",
        "| package | version | licence | code of others in it |", "|---|---|---|---|",
    ]
    for name, pin, directory, modules in packages(build):
        foreign = ["%s (%s)" % FOREIGN[module] for module in sorted(modules) if FOREIGN.get(module)]
        lines.append("| [%s](%s) | %s | %s | %s |" % (
            name, pin["location"].removesuffix(".git"), pin["state"]["version"], licence(directory), ", ".join(foreign)))
    lines += ["", "Out of the Swift toolchain %s, whose `swift-backtrace-static` the Debian package holds as well:" % toolchain(), "",
              "| part | licence |", "|---|---|"]
    lines += ["| %s | %s |" % row for row in RUNTIME]
    lines += ["", "## Loaded", "", "Shared libraries of Debian, with the licence under which each is used:", "",
              "| package | licence |", "|---|---|"]
    lines += ["| %s | %s |" % (name, LIBRARIES[name]) for name in libraries(build)]
    return "\n".join(lines) + "\n"


def check(build):
    wanted = page(build)
    path = os.path.join(TREE, PAGE)
    if not os.path.exists(path) or read(path) != wanted:
        fail("%s is not what is linked; look at the difference: packaging/licences.py | diff %s -" % (PAGE, PAGE))
    copyright = read(os.path.join(TREE, COPYRIGHT))
    for name, _, _, modules in packages(build):
        missing = [] if "checkouts/%s/" % name in copyright else [name]
        missing += sorted(m for m in modules if FOREIGN.get(m) and "/%s/" % m not in copyright)
        if missing:
            fail("%s has no paragraph for %s" % (COPYRIGHT, ", ".join(missing)))


def notices(build):
    for name, _, directory, _ in packages(build):
        path = os.path.join(directory, "NOTICE.txt")
        if os.path.exists(path):
            yield "==== %s ====\n\n%s\n" % (name, read(path).strip("\n"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(TREE, ".build"))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--notices", action="store_true")
    options = parser.parse_args()
    if options.check:
        check(options.build)
    elif options.notices:
        print("\n".join(notices(options.build)), end="")
    else:
        print(page(options.build), end="")


main()
