import CParse
import Detection
import EventModel
import KernelEvents

/// The way of an audit record from the socket's bytes to "no rule matches", with the shipped rules: time and allocations.
enum DetectionBench {
    private static let events = 25_000

    static func run() -> [(name: String, value: Double, limit: Double, unit: String)] {
        guard let rules = shippedRules(), var assembler = try? AuditAssembler() else {
            return [("config/rules/escape.yaml loads", 1, 0, "errors")]
        }
        var normalizer = AuditNormalizer(wanted: Set(EventType.allCases.filter(rules.wants)))
        var event = KernelEvent()
        var candidates: [Int] = []
        candidates.reserveCapacity(rules.rules.count)
        let records = payloads()
        var seen = 0
        var matched = 0
        var allocated: UInt64 = 0
        func take(_ records: ArraySlice<(UInt16, [UInt8])>) {
            for (type, bytes) in records {
                assembler.add(type: type, payload: bytes.span, now: 0) { audit in
                    guard normalizer.normalize(audit, received: 0, into: &event) else { return }
                    seen += 1
                    rules.candidates(for: event, into: &candidates)
                    matched += candidates.count
                }
            }
        }
        // The first event sets up what is made once in a program's life.
        take(records[..<4])
        let measured = records[4...]
        let time = nanoseconds {
            let before = cparse_allocations()
            take(measured)
            allocated = cparse_allocations() - before
        }
        return [
            ("records to verdict, events that reached the rules", Double(events - seen), 0, "missing"),
            ("records to verdict, events taken for candidates", Double(matched), 0, ""),
            ("records to verdict, allocations in \(measured.count) records", Double(allocated), 0, ""),
            ("records to verdict", time / Double(measured.count), 7_000, "ns/record"),
        ]
    }

    private static func shippedRules() -> RuleSet? {
        guard let text = readText("config/rules/escape.yaml") else { return nil }
        return try? RuleSet(files: [(name: "escape.yaml", text: text)])
    }

    /// Opens of an ordinary file: of a type that rules want, with nothing that a rule matches.
    private static func payloads() -> [(UInt16, [UInt8])] {
        (0..<events).flatMap { serial in
            let stamp = "audit(1700000100.\(100 + serial % 900):\(serial + 1)): "
            return [
                (
                    1300,
                    stamp
                        + "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd7dd0c8a0 a2=80000 a3=0 items=1 "
                        + "ppid=2013 pid=\(serial + 400) auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 "
                        + "fsgid=0 tty=(none) ses=4294967295 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"nodeagent-block\""
                ),
                (1307, stamp + "cwd=\"/\""),
                (
                    1302,
                    stamp + "item=0 name=\"/etc/passwd\" inode=2381 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 "
                        + "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
                ),
                (1320, stamp),
            ].map { (UInt16($0.0), Array($0.1.utf8)) }
        }
    }
}
