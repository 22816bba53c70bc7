import Foundation
import KernelEvents
import Testing

/// The logs of audit-userspace, crowdsec and go-libaudit beside `ausearch`, which groups records by the same rules.
@Suite struct AuditLogTests {
    static let files = [
        "audit-userspace/auparse/test/test.log", "audit-userspace/auparse/test/test2.log",
        "audit-userspace/auparse/test/test3.log", "audit-userspace/auparse/test/test4.log",
        "crowdsecurity-hub/auditd-base64-exec.log", "crowdsecurity-hub/auditd-logs.log",
        "crowdsecurity-hub/auditd-postexploit-exec-from-net.log", "crowdsecurity-hub/auditd-postexploit-rm.log",
        "crowdsecurity-hub/auditd-suid-crash.log", "go-libaudit/testdata/lost_messages.log",
        "go-libaudit/testdata/normal.log", "go-libaudit/testdata/out_of_order.log", "go-libaudit/testdata/rollover.log",
    ]

    @Test(arguments: files) func findsTheEventsThatAusearchFinds(_ name: String) throws {
        let file = testData(name)
        var feed = try Feed()
        try feed.replay(file)
        let counters = feed.assembler.counters
        #expect(counters.malformed == 0)
        #expect(counters.truncated == 0)
        #expect(counters.duplicate == 0)
        #expect(counters.records == UInt64(try lines(of: file).count))
        let stamps = feed.events.map { String($0.records.first?.text.stampText ?? "") }
        #expect(Set(stamps).count == stamps.count)
        #expect(Set(stamps) == (try Self.eventsOfAusearch(file)))
        #expect(feed.events.map(\.records.count).reduce(0, +) + Int(counters.late) == Int(counters.records))
        for event in feed.events { #expect(Set(event.records.map(\.text.stampText)).count == 1) }
    }

    @Test func readsEveryRecordOfTheRecordings() throws {
        for name in Self.files {
            for line in try lines(of: testData(name)) {
                let parsed = try #require(logLine(line))
                #expect(parsed.type != nil)
                #expect(stamp(of: Array(line[parsed.payload])) != nil)
            }
        }
    }

    @Test func followsTheSerialsOverTheirEnd() throws {
        var feed = try Feed()
        try feed.replay(testData("go-libaudit/testdata/rollover.log"))
        #expect(Set(feed.events.map(\.stamp.serial)) == [4_294_967_294, .max, 0, 1, 2])
        #expect(feed.assembler.counters.unordered == 0)
    }

    @Test func countsALateRecordInsteadOfAnEvent() throws {
        var feed = try Feed()
        try feed.replay(testData("go-libaudit/testdata/out_of_order.log"))
        #expect(feed.assembler.counters.late == 1)
        #expect(feed.events.count == 5)
        #expect(feed.assembler.counters.unordered > 0)
    }

    /// The stamps of the events in its output. ausearch 3.0.9 parts a LOGIN record from its own call and calls a record that
    /// comes two seconds behind the others an event: by stamp both are one.
    private static func eventsOfAusearch(_ file: URL) throws -> Set<String> {
        let path = ["/usr/sbin/ausearch", "/sbin/ausearch", "/usr/bin/ausearch"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        let ausearch = Process()
        ausearch.executableURL = URL(fileURLWithPath: try #require(path, "ausearch (package auditd) is not installed"))
        ausearch.arguments = ["-if", file.path]
        ausearch.standardInput = FileHandle.nullDevice
        ausearch.standardError = FileHandle.nullDevice
        let output = Pipe()
        ausearch.standardOutput = output
        try ausearch.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        ausearch.waitUntilExit()
        let stamps = text.split(separator: "\n").compactMap { line in
            line.range(of: "audit(").map { String(line[$0.lowerBound...].prefix { $0 != ")" }) }
        }
        return Set(stamps)
    }
}

extension String {
    /// `audit(…)` of a record.
    fileprivate var stampText: Substring { prefix { $0 != ")" } }
}
