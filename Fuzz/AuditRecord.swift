import EventModel
import KernelEvents

/// libFuzzer's entry for everything between the audit socket and the normalised event.
///
/// The input is a stream of records: two bytes of type (little endian), two of length, the payload; what is left over is one
/// more record. It is read as a log line as well. Built with `-sanitize=fuzzer,address -parse-as-library` beside the sources of
/// EventModel and KernelEvents/Audit; seeds are in Fuzz/corpus/audit. Set SWIFT_BACKTRACE=enable=no: the backtracer can hang.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAuditRecord(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe Span(_unsafeStart: start, count: count)
    guard var assembler = try? AuditAssembler(capacity: 4) else { return 0 }
    var normalizer = AuditNormalizer(watched: [
        AuditNormalizer.WatchedObject(path: "/sys/kernel/uevent_helper", inode: 3662, parentInode: 3600)
    ])
    var event = KernelEvent()
    var table = AuditFieldTable()
    var offset = 0
    var now: UInt64 = 1
    while offset < count {
        var type: UInt16 = 1300
        var end = count
        if count - offset >= 4 {
            type = UInt16(input[offset]) | UInt16(input[offset + 1]) << 8
            let length = Int(input[offset + 2]) | Int(input[offset + 3]) << 8
            offset += 4
            end = min(count, offset + length)
        }
        let payload = input.extracting(offset..<end)
        if let header = AuditRecordHeader(payload) { table.parse(payload, from: header.bodyOffset) }
        for index in 0..<table.count {
            _ = table[index].decodeText(in: payload, into: &event)
            _ = AuditNumber.device(table[index].value(in: payload))
            _ = AuditNumber.signedDecimal(table[index].value(in: payload))
            _ = AuditNumber.octal(table[index].value(in: payload))
        }
        event.reset()
        assembler.add(type: type, payload: payload, now: now) {
            _ = normalizer.normalize($0, received: now, into: &event)
        }
        now &+= 700_000_000
        assembler.expire(now: now) { _ = normalizer.normalize($0, received: now, into: &event) }
        offset = max(end, offset + 1)
    }
    assembler.flush { _ = normalizer.normalize($0, received: now, into: &event) }
    if let line = AuditLogLine(input) { _ = AuditRecordHeader(input.extracting(line.payload)) }
    return 0
}
