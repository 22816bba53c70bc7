#!/bin/bash
# clear-section.sh PROGRAM SECTION - writes zeros over a section's bytes in the file: .swift_modhash has a hash of the compiler's
# inputs, which differs from build to build and is read by nobody. (objcopy --remove-section would lay the file out anew, and loses
# the read-only part of the data, GNU_RELRO, on the way.)
set -euo pipefail
read -r offset size < <(readelf -SW "$1" | sed -n "s/.* \\$2 *PROGBITS *[0-9a-f]* \\([0-9a-f]*\\) \\([0-9a-f]*\\) .*/\\1 \\2/p")
[ -n "${size:-}" ] || { echo "clear-section.sh: $1 has no section $2" >&2; exit 1; }
dd if=/dev/zero of="$1" bs=1 seek=$((16#$offset)) count=$((16#$size)) conv=notrunc status=none
