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
        process.commandLine = Self.commandLine(event, assembled)
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

    /// The words of EXECVE, which the normaliser has read, else of PROCTITLE, which the kernel cuts at 128 bytes.
    private static func commandLine(_ event: KernelEvent, _ assembled: AuditEvent) -> [String] {
        if event.commandLine.isPresent {
            // Each word ends with a NUL, the last as well.
            return event.bytes(event.commandLine).split(separator: 0, omittingEmptySubsequences: false).dropLast()
                .map { String(decoding: $0, as: UTF8.self) }
        }
        var cursor = 0
        while let record = assembled.next(&cursor) {
            if record.type == AuditRecordType.proctitle { return title(record.payload, from: record.bodyOffset) }
        }
        return []
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
