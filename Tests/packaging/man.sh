#!/bin/bash
# man.sh PROGRAM DIRECTORY - are the man pages in DIRECTORY whole?
#
# Against the help that the program prints for people, which is another way than the one the pages are made of: each
# command has a page, a page has every option of its command's help and no other. And the pages have no faults of form.
set -uo pipefail
agent=$1 pages=$2
failures=0
fail() { echo "FAIL $*"; failures=$((failures + 1)); }

# The words that begin with a hyphen in the help's first column, without those of every command.
# shellcheck disable=SC2086
offered() { "$agent" help $1 | sed -n 's/^  \(-.*\)/\1/p' | sed 's/   *.*//' | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' |
    tr -d ' ,' | grep -vxE -- '--version|--help|-h' | sort -u; }
# The same of a page's list of options.
described() { sed -n 's/^\.It Fl /Fl /p' "$1" | grep -oE 'Fl [^ ]+' | sed 's/^Fl /-/; s/\\-/-/g' | sort -u; }

# The commands that a help names, and those below them, each a line of words.
# shellcheck disable=SC2086
named() { "$agent" help $1 | sed -n '/^SUBCOMMANDS:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'; }
commands=$(for command in $(named ""); do
    echo "$command"
    named "$command" | sed "s/^/$command /"
done)
[ -n "$commands" ] || fail "the help names no commands"
while read -r command; do
    page=$pages/nodeagent-${command/ /-}.8
    [ -f "$page" ] || { fail "$command has no page"; continue; }
    difference=$(diff <(offered "$command") <(described "$page")) || fail "$command: help and page differ"$'\n'"$difference"
done <<<"$commands"
for page in "$pages"/nodeagent-*.8; do
    name=$(basename "$page" .8)
    grep -qx "${name#nodeagent-}" <<<"${commands// /-}" || fail "$name is no command"
done
keys=$("$agent" configuration | sed -n 's/^| `\([a-z_.]*\)`.*/\1/p')
[ -n "$keys" ] || fail "the program prints no keys"
for key in $keys; do
    grep -qxF ".It Cm ${key}" "$pages/nodeagent.yaml.5" || fail "nodeagent.yaml.5 lacks $key"
done
for page in "$pages"/*.[58]; do
    faults=$(mandoc -T lint -W warning "$page" 2>&1) || fail "$faults"
    faults=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$faults" ] || fail "$(basename "$page"): $faults"
done
[ "$failures" = 0 ] && echo "man pages: $(ls "$pages"/*.[58] | wc -l) whole"
[ "$failures" = 0 ]
