#!/bin/bash
# install.sh - install the Debian packages that the build needs: only those that are missing, saying which.
# (What the tests need beside them: Tests/testbed/install.sh.)
set -euo pipefail

if ! command -v "${SWIFT:-swift}" >/dev/null; then
    echo "install.sh: Swift 6.3 is needed and not on PATH; see https://www.swift.org/install/linux" >&2
    exit 1
fi
missing=()
for package in gcc libarchive-dev libaudit-dev libcap-dev libseccomp-dev pkg-config zstd; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" != 0 ]; then
    echo "install.sh: missing packages: ${missing[*]}" >&2
    echo "install.sh: run as root, or: sudo apt-get install ${missing[*]}" >&2
    exit 77
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists may be there and fresh enough: only an installation that fails asks for new ones.
install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1; }
install || { apt-get update -qq >"$log" 2>&1 && install; } || { cat "$log" >&2; exit 1; }
