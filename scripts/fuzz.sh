#!/bin/bash
# fuzz.sh - fuzz the parsers of hostile bytes, each for FUZZ_SECONDS (default 60), from the seeds in Fuzz/corpus. No root.
#
# usage: fuzz.sh [audit|journal|log|manifest|metrics|redaction|rules]...      (default all)
#
# Built with libFuzzer and AddressSanitizer in .build-fuzz, module by module: SwiftPM would link programs without a main. What a run
# finds in coverage stays in .build-fuzz/corpus and is read again by the next one. Exit status 1 on a crash or an input that takes
# ten seconds; the input lies in .build-fuzz and is named.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no                 # the backtracer can hang
swift=${SWIFT:-swift}
swiftc=$(dirname "$(command -v "$swift")")/swiftc
seconds=${FUZZ_SECONDS:-60}
out=.build-fuzz
yams=.build/checkouts/Yams/Sources
sanitize=(-sanitize=fuzzer,address)
options=(-O -assert-config Debug -g -swift-version 6 -package-name nodeagent -enable-upcoming-feature ExistentialAny
    -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility
    -enable-experimental-feature Lifetimes -strict-memory-safety)
mkdir -p "$out"

newer() {        # newer TARGET SOURCE...: whether a source is newer than the target, or there is no target
    local target=$1 source
    shift
    [ -e "$target" ] || return 0
    for source in "$@"; do [ "$source" -nt "$target" ] && return 0; done
    return 1
}

module() {       # module NAME "NEEDED..." OPTION... -- SOURCE...: NAME.o and NAME.swiftmodule, instrumented
    local name=$1 object needed=() flags=()
    for object in $2; do needed+=("$out/$object.o"); done
    shift 2
    while [ "$1" != -- ]; do flags+=("$1"); shift; done
    shift
    newer "$out/$name.o" "$0" "$@" "${needed[@]}" || return 0
    echo "building $name"
    "$swiftc" -parse-as-library -wmo "${flags[@]}" "${sanitize[@]}" -I "$out" -module-name "$name" -emit-module \
        -emit-module-path "$out/$name.swiftmodule" -c -o "$out/$name.o" "$@"
}

program() {      # program NAME SOURCE OBJECT...
    local name=$1 source=$2
    shift 2
    newer "$out/$name" "$0" "$source" "$@" || return 0
    "$swiftc" -parse-as-library "${options[@]}" "${sanitize[@]}" -use-ld=lld -I "$out" -I "$yams/CYaml/include" \
        -module-name "Fuzz_$name" -o "$out/$name" "$source" "$@"
}

build_audit() {
    module EventModel "" "${options[@]}" -- Sources/EventModel/*.swift
    # of KernelEvents what reads bytes: it needs nothing but EventModel
    module KernelEvents EventModel "${options[@]}" -- Sources/KernelEvents/Audit/*.swift
    program audit Fuzz/AuditRecord.swift "$out/KernelEvents.o" "$out/EventModel.o"
}

build_log() {
    module EventModel "" "${options[@]}" -- Sources/EventModel/*.swift
    module KernelEvents EventModel "${options[@]}" -- Sources/KernelEvents/Audit/*.swift
    program log Fuzz/AuditLog.swift "$out/KernelEvents.o" "$out/EventModel.o"
}

build_manifest() {
    module EventModel "" "${options[@]}" -- Sources/EventModel/*.swift
    # of Evidence what reads a manifest: it needs no library but FoundationEssentials
    module Evidence EventModel "${options[@]}" -- Sources/Evidence/{Artifact,ArtifactStatus,EscapedName,ManifestReader,ManifestRow}.swift
    program manifest Fuzz/ManifestRow.swift "$out/Evidence.o" "$out/EventModel.o"
}

build_journal() {
    module EventModel "" "${options[@]}" -- Sources/EventModel/*.swift
    # of Responder what reads bytes: it needs nothing but EventModel
    module Responder EventModel "${options[@]}" -- Sources/Responder/{JournalRecord,ResponseAction}.swift
    program journal Fuzz/Journal.swift "$out/Responder.o" "$out/EventModel.o"
}

build_metrics() {
    # of Reporting what reads frames and writes the page: it needs no other module
    module Reporting "" "${options[@]}" -- Sources/Reporting/{DeliveryFrame,MetricFamily,MetricsSnapshot,MetricsSnapshot+Encoding,MetricsPage}.swift
    program metrics Fuzz/MetricsFrame.swift "$out/Reporting.o"
}

build_redaction() {
    local sources=Sources/Evidence/Collection
    # of Evidence what stands between secrets and an archive, and parsers of what a container shapes; without a crypto library
    module EvidenceRedaction "" "${options[@]}" -- Sources/Evidence/EscapedName.swift Fuzz/stand-in/KeyedHash.swift \
        "$sources"/{Hexadecimal,RedactedEnvironment,RedactedJSON,RedactedPasswords,SecretFile,OverlayOptions,SocketRecord}.swift
    program redaction Fuzz/Redaction.swift "$out/EvidenceRedaction.o"
}

build_rules() {
    [ -d "$yams" ] || "$swift" package resolve
    if newer "$out/CYaml.a" "$yams"/CYaml/src/*.c; then
        rm -f "$out"/CYaml-*.o "$out/CYaml.a"
        for source in "$yams"/CYaml/src/*.c; do
            "$(dirname "$swiftc")/clang" -O1 -g -fsanitize=fuzzer-no-link,address -DYAML_DECLARE_STATIC -I "$yams/CYaml/include" \
                -c -o "$out/CYaml-$(basename "$source" .c).o" "$source"
        done
        ar rcs "$out/CYaml.a" "$out"/CYaml-*.o
    fi
    # Yams is another's: no strictness of ours
    module Yams "" -O -swift-version 5 -DSWIFT_PACKAGE -I "$yams/CYaml/include" -Xcc -DYAML_DECLARE_STATIC -- "$yams"/Yams/*.swift
    module EventModel "" "${options[@]}" -- Sources/EventModel/*.swift
    module Detection "EventModel Yams" "${options[@]}" -I "$yams/CYaml/include" -- Sources/Detection/*.swift
    program rules Fuzz/RuleParser.swift "$out/Detection.o" "$out/EventModel.o" "$out/Yams.o" "$out/CYaml.a"
}

# one program, its own corpus first: libFuzzer writes what it finds to the first and only reads the second
run() {
    local name=$1 log=$out/$1.log code=0
    mkdir -p "$out/corpus/$name"
    "$out/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="$out/$name-" "$out/corpus/$name" "Fuzz/corpus/$name" >"$log" 2>&1 || code=$?
    if [ "$code" != 0 ]; then
        grep -vE '^#[0-9]+[[:space:]]+(NEW|REDUCE|pulse|RELOAD|INITED)' "$log" | tail -n 60
        echo "FAIL $name: ended with $code, see $log"
        return 1
    fi
    awk -v name="$name" -v seconds="$seconds" '
        $1 == "stat::number_of_executed_units:" { runs = $2 }
        $1 == "stat::average_exec_per_sec:" { rate = $2 }
        { for (i = 1; i < NF; i++) if ($i == "cov:") coverage = $(i + 1) }
        END {
            if (runs + 0 == 0) { print "FAIL " name ": nothing was executed"; exit 1 }
            printf "ok   %s: %d executions a second for %d s, %d in all, coverage %d, no crash, no time-out\n", name, rate, seconds, runs, coverage
        }' "$log"
}

[ $# -gt 0 ] || set -- audit journal log manifest metrics redaction rules
failed=0
for name in "$@"; do
    case $name in
        audit|journal|log|manifest|metrics|redaction|rules) "build_$name"; run "$name" || failed=1 ;;
        *) echo "fuzz.sh: unknown parser '$name'" >&2; exit 64 ;;
    esac
done
exit "$failed"
