#!/usr/bin/env python3
"""make-man.py PROGRAM OUT - the manual pages: one of the program, one of each command, one of each file.

Options come from the program itself and keys from the configuration file, so that no page can be behind them; what only a manual
says lies beside this file, PAGE.in, in mdoc."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def sentences(text):
    """Each on a line of its own, as mdoc wants it."""
    return escaped(re.sub(r"([.!?]) +(?=[A-Z])", r"\1\n", text))


def head(name, section, abstract, date):
    return [".Dd " + date, ".Dt %s %d" % (name.upper(), section), ".Os nodeagent", ".Sh NAME", ".Nm " + name,
            ".Nd " + escaped(abstract.rstrip("."))]


def extra(page):
    path = os.path.join(HERE, page + ".in")
    if not os.path.exists(path):
        return []
    with open(path) as text:
        return text.read().rstrip("\n").split("\n")


def spelled(name):
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def option_head(argument):
    names = " , ".join("Fl " + escaped(spelled(name)[1:]) for name in argument.get("names", []))
    value = "" if argument["kind"] == "flag" else " Ar " + escaped(argument.get("valueName", "value"))
    return names + value if names else "Ar " + escaped(argument.get("valueName", "value"))


def command_page(command, path, date):
    name = "-".join(path)
    lines = head(name, 8, command.get("abstract", ""), date)
    shown = [a for a in command.get("arguments", []) if a["shouldDisplay"]]
    lines += [".Sh SYNOPSIS", ".Nm nodeagent", *([".Cm " + " ".join(path[1:])] if len(path) > 1 else [])]
    for argument in shown:
        lines.append(("." if not argument["isOptional"] else ".Op ") + option_head(argument))
    subcommands = [s for s in command.get("subcommands", []) if s["shouldDisplay"] and s["commandName"] != "help"]
    if subcommands:
        lines += [".Cm command", ".Op Ar option ..."]
    description = extra(name + ".8")
    if description:
        lines += description
    else:
        lines += [".Sh DESCRIPTION", sentences(command.get("abstract", ""))]
    if command.get("discussion"):
        lines += [".Pp", sentences(command["discussion"])]
    if subcommands:
        lines += [".Sh COMMANDS", ".Bl -tag -width inventory"]
        for sub in subcommands:
            lines += [".It Xr nodeagent-%s 8" % sub["commandName"], escaped(sub.get("abstract", ""))]
        lines.append(".El")
    if shown:
        lines += [".Sh OPTIONS", ".Bl -tag -width Ds"]
        for argument in shown:
            lines += [".It " + option_head(argument), sentences(argument.get("abstract", "") or "See above.")]
            if argument.get("defaultValue") and "default" not in argument.get("abstract", ""):
                lines.append("Default: " + escaped(argument["defaultValue"]) + ".")
        lines.append(".El")
    lines += extra("exit-status.8")
    lines.append(".Sh SEE ALSO")
    others = ["nodeagent-allowlist.yaml 5", "nodeagent-rules 5", "nodeagent.yaml 5"] + (["nodeagent 8"] if len(path) > 1 else [])
    lines += [".Xr %s%s" % (o, " ," if o != others[-1] else "") for o in others]
    return name + ".8", lines, subcommands


def file_page(name, abstract, path, source, date):
    """A page of a file that explains itself: its text, as it is shipped."""
    lines = head(name, 5, abstract, date) + extra(name + ".5")
    lines += [".Sh FILE", "As it is shipped:", ".Bd -literal"]
    with open(os.path.join(ROOT, source)) as text:
        lines += [escaped(line) for line in text.read().rstrip("\n").split("\n")]
    lines += [".Ed", ".Sh FILES", ".Bl -tag -width Ds", ".It Pa " + path, ".El", ".Sh SEE ALSO", ".Xr nodeagent 8"]
    return name + ".5", lines


def main():
    program, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    tool = json.loads(subprocess.run([program, "--experimental-dump-help"], stdout=subprocess.PIPE, check=True).stdout)
    stamp = subprocess.run(["dpkg-parsechangelog", "-l", os.path.join(ROOT, "packaging/debian/changelog"), "-S", "Date"],
                           stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    date = subprocess.run(["date", "-u", "-d", stamp, "+%B %-d, %Y"], stdout=subprocess.PIPE, check=True, text=True,
                          env={"LC_ALL": "C", "PATH": os.environ["PATH"]}).stdout.strip()
    name, lines, subcommands = command_page(tool["command"], ["nodeagent"], date)
    pages = {name: lines}
    for sub in subcommands:
        name, lines, _ = command_page(sub, ["nodeagent", sub["commandName"]], date)
        pages[name] = lines
    for arguments in (("nodeagent.yaml", "configuration of nodeagent", "/etc/nodeagent/nodeagent.yaml", "config/nodeagent.yaml"),
                      ("nodeagent-allowlist.yaml", "findings that are let be", "/etc/nodeagent/allowlist.yaml", "config/allowlist.yaml"),
                      ("nodeagent-rules", "detection rules", "/usr/share/nodeagent/rules/escape.yaml", "config/rules/escape.yaml")):
        name, lines = file_page(*arguments, date)
        pages[name] = lines
    for name, lines in pages.items():
        with open(os.path.join(out, name), "w") as page:
            page.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
