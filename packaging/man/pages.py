#!/usr/bin/python3 -B
"""Writes the man pages: those of the commands from the program's own help, those of files from the files.

usage: pages.py --agent PROGRAM --configuration FILE --output DIRECTORY

A page of section 8 for the program and for each command that its help shows, from `--experimental-dump-help`, so that a page
cannot lack an option. Pages of section 5 from the templates beside this file: `@FILE PATH@` is replaced by that file's
text, `@CONFIGURATION@` by the configuration's, `@KEYS@` by what `nodeagent configuration` prints, `@FIELDS@` by what
`nodeagent fields` prints. Pages go into DIRECTORY, uncompressed. Ends with 1 when a source is not as expected.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
FILE_PAGES = ("nodeagent.yaml.5", "nodeagent-allowlist.yaml.5", "nodeagent-rules.5")
# Made for the sensor's own children and for every program of this kind: nobody looks for them on a page.
COMMON = ("version", "help")


def fail(text):
    sys.exit("pages.py: " + text)


def date():
    """mdoc's date, of the release where the build says it, so that a page is the same bytes in every build."""
    moment = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    return time.strftime("%B ", moment) + "%d, %d" % (moment.tm_mday, moment.tm_year)


def escaped(text):
    """For a line of mdoc: backslashes and hyphens as they are typed, no request at its start."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def sentences(text):
    """A line for each sentence, as mdoc wants it; each paragraph behind the first begins with a request."""
    lines = []
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            lines.append(".Pp")
        for sentence in re.split(r"(?<=[.;:]) (?=[A-Z])", " ".join(paragraph.split())):
            lines.append(escaped(sentence))
    return lines


def closed(text):
    return text if text.endswith((".", ")", ":")) else text + "."


def names(argument):
    """`Fl` words: --output, -h."""
    return ["Fl " + escaped(("-" if name["kind"] == "long" else "") + name["name"]) for name in argument["names"]]


def value(argument):
    return escaped(argument["valueName"])


def shown(command):
    return [a for a in command.get("arguments", []) if a.get("shouldDisplay", True) and a["valueName"] not in COMMON]


def repetition(argument):
    return " ..." if argument.get("isRepeating") else ""


def synopsis(argument):
    if argument["kind"] == "positional":
        return (".Op Ar %s" if argument["isOptional"] else ".Ar %s") % value(argument) + repetition(argument)
    words = names(argument)[-1] + (" Ar " + value(argument) if argument["kind"] == "option" else "")
    return (".Op " if argument["isOptional"] else ".") + words


def option(argument):
    if argument["kind"] == "positional":
        head = ".It Ar " + value(argument)
    else:
        head = ".It " + " , ".join(names(argument)) + (" Ar " + value(argument) if argument["kind"] == "option" else "")
    lines = [head] + sentences(closed(argument.get("abstract", "")))
    if argument.get("allValues"):
        lines.append("One of " + escaped(", ".join(argument["allValues"])) + ".")
    if argument.get("defaultValue") and "default" not in argument.get("abstract", ""):
        lines.append("Default: " + escaped(argument["defaultValue"]) + ".")
    return lines


def head(title, section, description):
    return [".Dd " + date(), ".Dt %s %s" % (title.upper(), section), ".Os nodeagent", ".Sh NAME", ".Nm " + escaped(title),
            ".Nd " + escaped(description)]


def subcommands(command):
    return [c for c in command.get("subcommands", []) if c.get("shouldDisplay", True) and c["commandName"] != "help"]


def command_table(title, commands):
    """A reference to the page of each command, with what it does; `title` is the page that they are below."""
    table = []
    for command in commands:
        table += [".It Xr %s 8" % escaped(title + "-" + command["commandName"])] + sentences(command["abstract"])
    return table


def command_pages(command, above, others):
    """The page of a command, and of each that is below it; `above` has the names of those that it is below."""
    path = above + [command["commandName"]]
    title = "nodeagent-" + "-".join(path)
    below = subcommands(command)
    lines = head(title, 8, command["abstract"].rstrip("."))
    lines += [".Sh SYNOPSIS", ".Nm nodeagent", ".Cm " + escaped(" ".join(path))]
    lines += [".Ar command"] if below else [synopsis(argument) for argument in shown(command)]
    lines += [".Sh DESCRIPTION"] + sentences(command["abstract"])
    if command.get("discussion"):
        lines += [".Pp"] + sentences(command["discussion"])
    if below:
        lines += [".Sh COMMANDS", ".Bl -tag -width Ds"] + command_table(title, below) + [".El"]
    elif shown(command):
        lines += [".Sh OPTIONS", ".Bl -tag -width Ds"]
        for argument in shown(command):
            lines += option(argument)
        lines.append(".El")
    lines += [".Sh EXIT STATUS", "Those of every command:", ".Xr nodeagent 8 ."]
    references = [("%s-%s" % (title, c["commandName"]), 8) for c in below]
    parent = "-".join(["nodeagent"] + above)
    pages = {title + ".8": lines + see_also(others + references + [(parent, 8), ("nodeagent", 8)], (title, 8))}
    for inner in below:
        pages.update(command_pages(inner, path, others))
    return pages


def program_page(program, commands):
    with open(os.path.join(HERE, "nodeagent.8.in")) as template:
        text = template.read()
    table = command_table("nodeagent", commands)
    references = [("nodeagent-" + command["commandName"], 8) for command in commands] + file_references()
    return [filled(text, {"DATE": date(), "ABSTRACT": escaped(program["abstract"].rstrip(".")), "COMMANDS": "\n".join(table),
                          "SEE_ALSO": "\n".join(see_also(references, ("nodeagent", 8)))})]


def file_references():
    return [(name.rsplit(".", 1)[0], 5) for name in FILE_PAGES]


def see_also(references, own):
    wanted = sorted({r for r in references if r != own}, key=lambda r: (r[1], escaped(r[0])))
    return [".Sh SEE ALSO"] + [".Xr %s %d%s" % (escaped(name), section, "" if (name, section) == wanted[-1] else " ,")
                               for name, section in wanted]


def literal(text):
    return "\n".join([".Bd -literal"] + [escaped(line) for line in text.rstrip("\n").split("\n")] + [".Ed"])


def fields(listing):
    """The fields of rules that have values, from the JSON that `nodeagent fields` prints: name, type, description, example."""
    lines = [".Bl -tag -width Ds"]
    for field in listing:
        if not field["fed"]:
            continue
        lines.append(".It Cm %s No ( %s )" % (escaped(field["name"]), field["type"]))
        lines += sentences(closed(field["description"])) + ["Example: " + escaped(field["example"])]
    if len(lines) == 1:
        fail("`nodeagent fields` prints no fields")
    return "\n".join(lines + [".El"])


def keys(table):
    """The keys of the configuration, from the Markdown table that the program prints."""
    lines = [".Bl -tag -width Ds"]
    for row in table.splitlines()[2:]:
        # A link leads to a page beside the one that the table is for.
        cells = re.sub(r" \(\[[^]]*\]\([^)]*\)\)", "", row).strip("| ").split(" | ")
        if len(cells) != 5:
            fail("`nodeagent configuration` has the row " + row)
        meaning = cells[3][0].upper() + cells[3][1:] + "."
        name, allowed, standard, meaning, effect = [c.replace("`", "") for c in cells[:3] + [meaning] + cells[4:]]
        lines.append(".It Cm " + escaped(name))
        lines += sentences(meaning)
        lines.append(escaped("Value: %s." % allowed))
        lines.append(escaped("Default: %s; a change takes effect by %s." % (standard, effect)))
    if len(lines) == 1:
        fail("`nodeagent configuration` prints no keys")
    return "\n".join(lines + [".El"])


def filled(text, values):
    """The template with its marks replaced; a mark that nothing is known for is an error."""
    def replacement(match):
        word, _, path = match[1].partition(" ")
        if word == "FILE":
            with open(os.path.join(TREE, path)) as file:
                return literal(file.read())
        if word not in values:
            fail("a template has the mark " + match[0])
        return values[word]
    return re.sub(r"^@([A-Z_]+(?: [^@]+)?)@$", replacement, re.sub(r"@(DATE|ABSTRACT)@", lambda m: values[m[1]], text), flags=re.M)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", required=True)
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    dumped = json.loads(subprocess.check_output([options.agent, "--experimental-dump-help"]))
    if dumped.get("serializationVersion") != 0:
        fail("the program's help has version %s" % dumped.get("serializationVersion"))
    program = dumped["command"]
    commands = subcommands(program)
    with open(options.configuration) as file:
        values = {"DATE": date(), "CONFIGURATION": literal(file.read()),
                  "FIELDS": fields(json.loads(subprocess.check_output([options.agent, "fields", "--output", "json"]))),
                  "KEYS": keys(subprocess.check_output([options.agent, "configuration"], text=True))}
    pages = {"nodeagent.8": program_page(program, commands)}
    for command in commands:
        pages.update(command_pages(command, [], file_references()))
    for name in FILE_PAGES:
        with open(os.path.join(HERE, name + ".in")) as template:
            pages[name] = [filled(template.read(), values)]
    os.makedirs(options.output, exist_ok=True)
    for name, lines in pages.items():
        with open(os.path.join(options.output, name), "w") as page:
            page.write("\n".join(lines).rstrip("\n") + "\n")


main()
