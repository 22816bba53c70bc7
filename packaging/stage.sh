#!/bin/bash
# stage.sh PROGRAM DIRECTORY - makes what the package has and the tree has not: the configuration with the package's paths,
# the completion, the manual pages, the notices of what is linked. Fails when the configuration or the page of licences is not
# what it takes it for.
set -euo pipefail
program=$1 out=$2
rm -rf "$out"
mkdir -p "$out"
sed -e 's|^  - rules/escape.yaml$|  - /usr/share/nodeagent/rules/escape.yaml\n  # Rules of this host: a later file may replace what an earlier one defines.\n  - rules.d|' \
    config/nodeagent.yaml > "$out/nodeagent.yaml"
grep -q '^  - /usr/share/nodeagent/rules/escape.yaml$' "$out/nodeagent.yaml"
grep -q '^  - rules.d$' "$out/nodeagent.yaml"
"$program" --generate-completion-script bash | sed '1{/^#!/d}' > "$out/nodeagent"
version=$("$program" --version)
package=$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/debian/changelog)
[ "$version" = "nodeagent $package" ] || { echo "stage.sh: the program is '$version', the package $package" >&2; exit 1; }
packaging/licences.py --check
packaging/licences.py --notices >"$out/NOTICE"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp)} \
    packaging/man/pages.py --agent "$program" --configuration "$out/nodeagent.yaml" --output "$out/man"
