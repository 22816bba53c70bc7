import EventModel
import KernelEvents

/// Processes as a log's own records tell of them: name, program, arguments and parent of each that did something. Which
/// container they are in no record says. Bounded: beyond the limit the oldest half is forgotten.
struct RecordedProcesses {
    private var known: [Int32: ProcessRecord] = [:]
    private var former: [Int32: ProcessRecord] = [:]
    private static let half = 32_768

    /// Learns from an event, and says who did it. The certainty is `unknown`, since no container is known.
    mutating func attribution(of event: KernelEvent, _ assembled: AuditEvent) -> Attribution {
        guard event.pid != 0 else { return Attribution(certainty: .unknown) }
        let before = self[event.pid]
        var process = ProcessRecord(
            key: ProcessKey(pid: event.pid, startTime: 0), parentPID: event.parentPID,
            comm: event.string(event.comm) ?? "", executablePath: event.string(event.executable) ?? "",
            uid: event.effectiveUID != .max ? event.effectiveUID : event.uid)
        process.commandLine = Self.commandLine(assembled)
        if process.commandLine.isEmpty, let before, before.executablePath == process.executablePath {
            process.commandLine = before.commandLine
        }
        if known.count >= Self.half { (former, known) = (known, [:]) }
        known[event.pid] = process
        return Attribution(process: process, ancestors: ancestors(of: event.parentPID), certainty: .unknown)
    }

    private subscript(pid: Int32) -> ProcessRecord? { known[pid] ?? former[pid] }

    private func ancestors(of pid: Int32) -> [ProcessRecord] {
        var found: [ProcessRecord] = []
        var pid = pid
        // A pid that was used again can close a circle.
        while found.count < 8, pid > 0, let process = self[pid], !found.contains(where: { $0.key.pid == pid }) {
            found.append(process)
            pid = process.parentPID
        }
        return found
    }

    /// The words of EXECVE, else of PROCTITLE, which the kernel cuts at 128 bytes.
    private static func commandLine(_ event: AuditEvent) -> [String] {
        var words: [String] = []
        var title: [String] = []
        var cursor = 0
        while let record = event.next(&cursor) {
            if record.type == AuditRecordType.execve {
                words += arguments(record.payload, from: record.bodyOffset)
            } else if record.type == AuditRecordType.proctitle {
                title = self.title(record.payload, from: record.bodyOffset)
            }
        }
        return words.isEmpty ? title : words
    }

    /// Of `a0="ls" a1=2D6C a2_len=9000 a2[0]=…`; a long argument comes in pieces, and those of another record in order.
    private static func arguments(_ payload: Span<UInt8>, from offset: Int) -> [String] {
        var words: [[UInt8]] = []
        var cursor = AuditFieldCursor(at: offset)
        while let field = cursor.next(in: payload) {
            let key = field.keyRange
            guard key.count >= 2, payload[key.lowerBound] == UInt8(ascii: "a") else { continue }
            var digits = key.lowerBound + 1
            while digits < key.upperBound, payload[digits] &- UInt8(ascii: "0") <= 9 { digits += 1 }
            guard digits > key.lowerBound + 1 else { continue }
            let bytes = field.decodedBytes(in: payload)
            if digits == key.upperBound {
                words.append(bytes)
            } else if payload[digits] == UInt8(ascii: "[") {
                let isFirst = digits + 2 < key.upperBound && payload[digits + 1] == UInt8(ascii: "0")
                if isFirst || words.isEmpty { words.append(bytes) } else { words[words.count - 1] += bytes }
            }
        }
        return words.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func title(_ payload: Span<UInt8>, from offset: Int) -> [String] {
        var cursor = AuditFieldCursor(at: offset)
        while let field = cursor.next(in: payload) {
            guard field.key(in: payload) == AuditKey("proctitle") else { continue }
            return field.decodedBytes(in: payload).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        }
        return []
    }
}
