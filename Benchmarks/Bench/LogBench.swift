import EventModel
import Glibc
import KernelEvents

/// `Bench log FILE`: an audit log of auditd's from the file to normalised events, for log_bench.py, which has laurel and
/// ausearch read the same one.
enum LogBench {
    /// - Returns: events that were normalised; nil where the file cannot be read.
    static func run(_ path: String) -> Int? {
        guard let file = unsafe fopen(path, "r"), var assembler = try? AuditAssembler() else { return nil }
        defer { unsafe fclose(file) }
        var normalizer = AuditNormalizer(wanted: Set(EventType.allCases))
        var event = KernelEvent()
        var events = 0
        var reader = AuditLogReader()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = unsafe fread(&piece, 1, piece.count, file)
            if count == 0 { return events }
            reader.read(piece.span.extracting(0..<count)) { line in
                guard let parsed = AuditLogLine(line), let type = parsed.type else { return }
                assembler.add(type: type, payload: parsed.record(in: line), now: 0) { audit in
                    if normalizer.normalize(audit, received: 0, into: &event) { events += 1 }
                }
            }
        }
    }
}
