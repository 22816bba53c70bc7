#!/bin/bash
# deb.sh - build the Debian package into .build/deb, and look at it with lintian.
#
# The package is made of what git has and of the one release build: a copy of the tree beside it, so that nothing that
# debhelper makes lies in the tree. Fails on an error or a warning of lintian that no override explains.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C.UTF-8
missing=()
for package in debhelper dpkg-dev fakeroot lintian mandoc man-db python3; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || { echo "deb.sh: missing packages: ${missing[*]}" >&2; exit 77; }
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
out=.build/deb
rm -rf "$out"
mkdir -p "$out/source/.build/release"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -C "$out/source" -xf -
cp Package.resolved "$out/source/"            # what the build resolved
cp -a packaging/debian "$out/source/debian"
# The same file, not another build: 140 MB that are linked and not copied where that can be.
cp --reflink=auto .build/release/nodeagent "$out/source/.build/release/nodeagent"
# The linker's list of objects and whose they are: docs/licences.md is compared with them.
ln -s "$PWD"/.build/{checkouts,release.yaml} "$out/source/.build/"
ln -s "$PWD/.build/release/nodeagent.product" "$out/source/.build/release/"
log=$out/build.log
if ! (cd "$out/source" && dpkg-buildpackage -b -us -uc -d) >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    exit 1
fi
Tests/packaging/man.sh .build/release/nodeagent "$out/source/debian/stage/man"
rm -rf "$out/source"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$out"/nodeagent_*.deb
ls -l "$out"/*.deb
