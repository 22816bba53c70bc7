import EventModel
import KernelEvents

/// libFuzzer's entry for logs that are replayed: bytes in pieces, lines, records, events.
///
/// The first byte is the size of the pieces; the rest is the log. Seeds are in Fuzz/corpus/log.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAuditLog(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe Span(_unsafeStart: start, count: count)
    guard count > 0, var assembler = try? AuditAssembler(capacity: 4) else { return 0 }
    var normalizer = AuditNormalizer(watched: [
        AuditNormalizer.WatchedObject(path: "/sys/kernel/uevent_helper", inode: nil, parentInode: nil)
    ])
    var event = KernelEvent()
    var reader = AuditLogReader()
    var clock: UInt64 = 0
    func take(_ line: Span<UInt8>) {
        guard let parsed = AuditLogLine(line), let type = parsed.type else { return }
        if let node = parsed.node { _ = line.extracting(node) }
        let record = parsed.record(in: line)
        guard let header = AuditRecordHeader(record) else { return }
        clock = max(clock, header.stamp.time &* 1_000_000)
        assembler.expire(now: clock) { _ = normalizer.normalize($0, received: clock, into: &event) }
        assembler.add(type: type, payload: record, now: clock) {
            _ = normalizer.normalize($0, received: clock, into: &event)
        }
    }
    let size = Int(input[0]) + 1
    var offset = 1
    while offset < count {
        let end = min(count, offset + size)
        reader.read(input.extracting(offset..<end)) { take($0) }
        offset = end
    }
    reader.end { take($0) }
    assembler.flush { _ = normalizer.normalize($0, received: clock, into: &event) }
    return 0
}
