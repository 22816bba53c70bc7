import CParse
import EventModel
import KernelEvents

/// The audit parser and assembler beside a plain C byte loop over the same records in memory.
///
/// Both run in turns within one process, so that a busy machine slows both; the ratio is that of the medians.
enum AuditBench {
    private static let rounds = 15
    private static let events = 25_000

    static func run() -> [(name: String, value: Double, limit: Double, unit: String)] {
        let records = Records(events: events)
        var cTimes: [Double] = []
        var parseTimes: [Double] = []
        var assemblyTimes: [Double] = []
        var sink: UInt64 = 0
        guard var assembler = try? AuditAssembler() else { return [] }
        var table = AuditFieldTable()
        // The first round only warms up.
        for round in 0...rounds {
            let offset = UInt64(round)
            let c = nanoseconds { sink &+= cPass(records) }
            let parse = nanoseconds { sink &+= parsePass(records, &table) }
            // The stamps come again each round: a fresh assembler, or the last 4,096 would be late.
            guard let fresh = try? AuditAssembler() else { return [] }
            assembler = fresh
            let assembly = nanoseconds { sink &+= assemblyPass(records, &table, &assembler, now: offset) }
            if round > 0 {
                cTimes.append(c)
                parseTimes.append(parse)
                assemblyTimes.append(assembly)
            }
        }
        let allocated = allocations(records, &table)
        let normalized = normalization(records)
        // Keeps the optimiser from dropping the passes.
        if sink == 42 { print("") }
        let count = Double(records.ranges.count)
        let c = median(cTimes)
        let parse = median(parseTimes)
        let assembly = median(assemblyTimes)
        return [
            ("audit parse / C", parse / c, 3, "x"),
            ("audit parse + assembly / C", assembly / c, 6, "x"),
            ("audit parse + assembly, allocations in 125,000 records", allocated, 0, ""),
            ("audit assembly + normalisation, allocations in 125,000 records", normalized.allocations, 0, ""),
            ("audit assembly + normalisation", normalized.nanoseconds / Double(events), 10_000, "ns/event"),
            ("audit C loop", c / count, .infinity, "ns/record"),
            ("audit parse", parse / count, 1_000, "ns/record"),
            ("audit parse + assembly", assembly / count, 2_000, "ns/record"),
        ]
    }

    /// Records of open calls in the kernel's format, four to an event, one event's behind the other's.
    private struct Records {
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        var types: [UInt16] = []

        init(events: Int) {
            for serial in 0..<events {
                let stamp = "audit(1700000\(100 + serial / 1000).\(100 + serial % 900):\(serial + 1)): "
                add(
                    1300,
                    stamp + "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd7dd0c8a0 a2=80000 a3=0 "
                        + "items=1 ppid=2013 pid=\(serial + 400) auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 "
                        + "egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"cat\" exe=\"/usr/bin/cat\" "
                        + "subj=unconfined key=\"nodeagent\"")
                add(1307, stamp + "cwd=\"/var/lib/containers/work\"")
                add(
                    1302,
                    stamp
                        + "item=0 name=\"/etc/ld.so.cache\" inode=2381 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 "
                        + "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0")
                add(1327, stamp + "proctitle=636174002F6574632F6D6F746400")
                add(1320, stamp)
            }
        }

        private mutating func add(_ type: UInt16, _ text: String) {
            let start = bytes.count
            bytes.append(contentsOf: text.utf8)
            ranges.append(start..<bytes.count)
            types.append(type)
        }
    }

    private static func cPass(_ records: borrowing Records) -> UInt64 {
        var fields = InlineArray<64, cparse_field>(repeating: cparse_field())
        var sum: UInt64 = 0
        var time: UInt64 = 0
        var serial: UInt32 = 0
        var table = fields.mutableSpan
        unsafe table.withUnsafeMutableBufferPointer { target in
            unsafe records.bytes.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return }
                for range in records.ranges {
                    sum &+= UInt64(
                        unsafe cparse_record(
                            base + range.lowerBound, range.count, target.baseAddress, target.count, &time, &serial))
                    sum &+= UInt64(serial)
                }
            }
        }
        return sum
    }

    private static func parsePass(_ records: borrowing Records, _ table: inout AuditFieldTable) -> UInt64 {
        var sum: UInt64 = 0
        let bytes = records.bytes.span
        for range in records.ranges {
            let payload = bytes.extracting(range)
            guard let header = AuditRecordHeader(payload) else { continue }
            table.parse(payload, from: header.bodyOffset)
            sum &+= UInt64(table.count) &+ UInt64(header.stamp.serial)
        }
        return sum
    }

    private static func assemblyPass(
        _ records: borrowing Records, _ table: inout AuditFieldTable, _ assembler: inout AuditAssembler, now: UInt64
    ) -> UInt64 {
        var sum: UInt64 = 0
        let bytes = records.bytes.span
        for index in records.ranges.indices {
            let payload = bytes.extracting(records.ranges[index])
            if let header = AuditRecordHeader(payload) {
                table.parse(payload, from: header.bodyOffset)
                sum &+= UInt64(table.count)
            }
            assembler.add(type: records.types[index], payload: payload, now: now) { event in
                sum &+= UInt64(event.recordCount)
            }
        }
        return sum
    }

    /// Allocations while 100,000 records and more go through parser and assembler.
    private static func allocations(_ records: borrowing Records, _ table: inout AuditFieldTable) -> Double {
        guard var assembler = try? AuditAssembler() else { return .infinity }
        let before = cparse_allocations()
        let sum = assemblyPass(records, &table, &assembler, now: 0)
        let after = cparse_allocations()
        return sum == 0 || before == 0 ? .infinity : Double(after - before)
    }

    /// Every record assembled and every event normalised: allocations, and the median time of a pass.
    private static func normalization(_ records: borrowing Records) -> (allocations: Double, nanoseconds: Double) {
        guard var assembler = try? AuditAssembler() else { return (.infinity, .infinity) }
        var normalizer = AuditNormalizer(watched: [
            AuditNormalizer.WatchedObject(path: "/sys/kernel/uevent_helper", inode: 3662, parentInode: 3600)
        ])
        var event = KernelEvent()
        var times: [Double] = []
        times.reserveCapacity(rounds)
        var filled = 0
        var allocations: UInt64 = 0
        let bytes = records.bytes.span
        for round in 0..<rounds {
            // The stamps come again: a fresh assembler does not call them late.
            guard let fresh = try? AuditAssembler() else { break }
            assembler = fresh
            let before = cparse_allocations()
            times.append(
                nanoseconds {
                    for index in records.ranges.indices {
                        let payload = bytes.extracting(records.ranges[index])
                        assembler.add(type: records.types[index], payload: payload, now: UInt64(round)) { audit in
                            if normalizer.normalize(audit, received: 1, into: &event) { filled += 1 }
                        }
                    }
                })
            allocations = max(allocations, cparse_allocations() - before)
        }
        return filled == rounds * events ? (Double(allocations), median(times)) : (.infinity, .infinity)
    }
}
