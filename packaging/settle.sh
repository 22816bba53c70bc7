#!/bin/bash
# settle.sh PROGRAM - makes the file depend on what was built and on nothing else.
#
# .swift_modhash has hashes of the compiler's inputs, which differ from build to build and are read by nobody: zeros are
# written over it. (objcopy --remove-section would lay the file out anew, and loses the read-only part of the data,
# GNU_RELRO, on the way.) The linker's build id is a hash of all that; it is made anew from what is left.
set -euo pipefail
program=$1

# place SECTION TYPE: its offset and its size in the file.
place() {
    local offset size
    read -r offset size < <(readelf -SW "$program" |
        sed -n "s/.* $1 *$2 *[0-9a-f]* \([0-9a-f]*\) \([0-9a-f]*\) .*/\1 \2/p")
    [ -n "${size:-}" ] || { echo "settle.sh: $program has no section $1" >&2; exit 1; }
    echo $((16#$offset)) $((16#$size))
}
overwrite() { dd of="$program" bs=1 seek="$1" count="$2" conv=notrunc status=none; }

hashes=$(place '\.swift_modhash' PROGBITS)
note=$(place '\.note\.gnu\.build-id' NOTE)
read -r offset size <<<"$hashes"
overwrite "$offset" "$size" </dev/zero
# The note ends with the id: 20 bytes, behind 16 of its head.
read -r offset size <<<"$note"
[ "$size" = 36 ] || { echo "settle.sh: the build id has $((size - 16)) bytes, not 20" >&2; exit 1; }
overwrite $((offset + 16)) 20 </dev/zero
printf "$(sha1sum "$program" | cut -c 1-40 | sed 's/../\\x&/g')" | overwrite $((offset + 16)) 20
