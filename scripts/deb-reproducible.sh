#!/bin/bash
# deb-reproducible.sh [COMMIT] - is the Debian package the same, byte for byte, when it is built in another directory?
#
# Clones COMMIT (HEAD) twice below $TMPDIR, under names of different length, builds both from nothing and compares the
# packages. What differs is listed: files, and for programs their sections. Takes two builds, and 2 GB for as long as it
# runs. Ends with 0 when they are the same.
set -euo pipefail
cd "$(dirname "$0")/.."
commit=$(git rev-parse "${1:-HEAD}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
first=$work/a/nodeagent second=$work/another-place/tree
for tree in "$first" "$second"; do
    git clone -q . "$tree"
    git -C "$tree" checkout -q "$commit"
    # The same versions of all packages, where the tree does not say them itself.
    [ ! -f Package.resolved ] || cp Package.resolved "$tree/"
    (cd "$tree" && scripts/build.sh && scripts/deb.sh)
done

sections() { readelf -SW "$1" 2>/dev/null | sed -n 's/^ *\[ *[0-9]*\] \([^ ]*\) .*/\1/p'; }
differences() {
    local file section
    (cd "$1" && find . -type f) | sort | while read -r file; do
        cmp -s "$1/$file" "$2/$file" && continue
        echo "  $file"
        for section in $(sections "$1/$file"); do
            cmp -s <(readelf -x "$section" "$1/$file" 2>/dev/null) <(readelf -x "$section" "$2/$file" 2>/dev/null) ||
                echo "    $section"
        done
    done
    diff <(cd "$1" && find . | sort) <(cd "$2" && find . | sort) | sed -n 's/^\([<>]\)/  only in one: \1/p'
}

result=0
for deb in "$first"/.build/deb/*.deb; do
    name=$(basename "$deb") other=$second/.build/deb/$(basename "$deb")
    if cmp -s "$deb" "$other"; then
        echo "the same: $name $(sha256sum <"$deb" | cut -c 1-64)"
        continue
    fi
    result=1
    echo "differs: $name"
    for side in "$deb" "$other"; do dpkg-deb -R "$side" "${side%.deb}"; done
    differences "${deb%.deb}" "${other%.deb}"
done
exit "$result"
