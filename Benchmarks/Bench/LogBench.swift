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
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var kept = 0
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe fread(bytes.baseAddress.map { unsafe $0 + kept }, 1, bytes.count - kept, file)
            }
            if count == 0 { return events }
            let end = kept + count
            let start = lines(buffer.span.extracting(..<end)) { type, payload in
                assembler.add(type: type, payload: payload, now: 0) { audit in
                    if normalizer.normalize(audit, received: 0, into: &event) { events += 1 }
                }
            }
            kept = end - start
            for index in 0..<kept {
                let byte = buffer[start + index]
                buffer[index] = byte
            }
        }
    }

    /// - Returns: where the last line begins, which has no end yet.
    private static func lines(_ bytes: Span<UInt8>, _ body: (UInt16, Span<UInt8>) -> Void) -> Int {
        var start = 0
        for index in bytes.indices where bytes[index] == 0x0A {
            let line = bytes.extracting(start..<index)
            start = index + 1
            guard let header = AuditLogLine(line), let type = header.type else { continue }
            body(type, line.extracting(header.payload))
        }
        return start
    }
}
