import EventModel
import Foundation
import KernelEvents
import Testing

/// A field as text, with what its decoded value reads like.
struct TestField: Equatable {
    var key: String
    var value: String
    var decoded: String
}

/// A record as text.
struct TestRecord: Equatable {
    var type: UInt16
    var text: String
}

/// A copy of a delivered event.
struct TestEvent {
    var stamp: AuditStamp
    var ending: AuditEvent.Ending
    var isComplete: Bool
    var isUserRange: Bool
    var call: AuditCall?
    var records: [TestRecord] = []

    init(_ event: AuditEvent) {
        stamp = event.stamp
        ending = event.ending
        isComplete = event.isComplete
        isUserRange = event.isUserRange
        call = event.call
        var cursor = 0
        while let record = event.next(&cursor) {
            records.append(TestRecord(type: record.type, text: text(record.payload)))
        }
    }
}

func text(_ bytes: Span<UInt8>) -> String {
    var copy: [UInt8] = []
    for index in bytes.indices { copy.append(bytes[index]) }
    return String(decoding: copy, as: UTF8.self)
}

/// The stamp of a payload; expectations take no spans.
func stamp(of payload: [UInt8]) -> AuditRecordHeader? { AuditRecordHeader(payload.span) }

func logLine(_ line: [UInt8]) -> AuditLogLine? { AuditLogLine(line.span) }

func typeNumber(_ name: String) -> UInt16? { AuditRecordType.number(of: Array(name.utf8).span) }

/// All fields of a payload from `offset` on; those of a nested message behind the message itself.
func fields(of payload: [UInt8], from offset: Int) -> [TestField] {
    fields(of: payload.span, from: offset)
}

private func fields(of payload: Span<UInt8>, from offset: Int) -> [TestField] {
    var found: [TestField] = []
    var cursor = AuditFieldCursor(at: offset)
    while let field = cursor.next(in: payload) {
        found.append(
            TestField(
                key: text(payload.extracting(field.keyRange)), value: text(field.value(in: payload)),
                decoded: String(decoding: field.decodedBytes(in: payload), as: UTF8.self)))
        if field.form == .nested || field.form == .braced {
            found += fields(of: field.value(in: payload), from: 0)
        }
    }
    return found
}

/// The recorded logs: `NODEAGENT_TEST_DATA`, else beside the project.
func testData(_ path: String) -> URL {
    let root =
        ProcessInfo.processInfo.environment["NODEAGENT_TEST_DATA"].map { URL(fileURLWithPath: $0) }
        ?? URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("../../../shared/data")
    return root.appendingPathComponent("audit-logs").appendingPathComponent(path).standardizedFileURL
}

/// The lines of a file that hold anything, as bytes.
func lines(of file: URL) throws -> [[UInt8]] {
    try Data(contentsOf: file).split(separator: 0x0A).map { Array($0) }.filter { line in
        line.contains { $0 > 0x20 }
    }
}

/// Feeds an assembler with written records and keeps what it delivers.
struct Feed: ~Copyable {
    var assembler: AuditAssembler
    var events: [TestEvent] = []
    var now: UInt64 = 1

    init(capacity: Int = 1024) throws {
        assembler = try AuditAssembler(capacity: capacity)
    }

    mutating func add(_ type: UInt16, _ payload: [UInt8]) {
        var delivered: [TestEvent] = []
        assembler.add(type: type, payload: payload.span, now: now) { delivered.append(TestEvent($0)) }
        events += delivered
    }

    /// `body` without its stamp.
    mutating func add(_ type: UInt16, _ serial: UInt32, _ body: String = "", time: String = "1700000000.123") {
        add(type, Array("audit(\(time):\(serial)): \(body)".utf8))
    }

    mutating func expire() {
        var delivered: [TestEvent] = []
        assembler.expire(now: now) { delivered.append(TestEvent($0)) }
        events += delivered
    }

    mutating func flush() {
        var delivered: [TestEvent] = []
        assembler.flush { delivered.append(TestEvent($0)) }
        events += delivered
    }

    /// A whole log; the clock is that of the records.
    mutating func replay(_ file: URL) throws {
        for line in try lines(of: file) {
            let parsed = try #require(logLine(line), "\(String(decoding: line, as: UTF8.self))")
            let payload = Array(line[parsed.payload])
            let header = try #require(stamp(of: payload))
            now = max(now, header.stamp.time * 1_000_000)
            expire()
            add(parsed.type ?? 0, payload)
        }
        flush()
    }
}

/// Numbers that come out the same on each run.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
