/// One line of an audit log: `[node=X ]type=NAME msg=audit(…): …`, as auditd writes it and `ausearch --raw` prints it.
///
/// For replay and tests; live records come from netlink without the words before `audit(`.
package struct AuditLogLine: Sendable {
    /// The host in `node=`, where the log was gathered from several.
    package var node: Range<Int>?
    /// Nil for a line without `type=`, or with a name that no kernel uses.
    package var type: UInt16?
    /// From `audit(` to the end of the line, its line break not included.
    package var payload: Range<Int>

    /// The record as it came from the kernel: auditd parts what it adds (`log_format = ENRICHED`) from it by 0x1D, a byte
    /// that the kernel writes in no record.
    @_lifetime(copy line)
    package func record(in line: Span<UInt8>) -> Span<UInt8> {
        var end = payload.lowerBound
        while end < payload.upperBound, line[end] != 0x1D { end += 1 }
        while end > payload.lowerBound, line[end - 1] == 0x20 { end -= 1 }
        return line.extracting(payload.lowerBound..<end)
    }

    /// Nil for a line without a `msg=audit(` in front of its fields.
    package init?(_ line: Span<UInt8>) {
        var end = line.count
        while end > 0, line[end - 1] == 0x0A || line[end - 1] == 0x0D { end -= 1 }
        var index = 0
        while index < end {
            while index < end, line[index] == 0x20 { index += 1 }
            let word = index
            while index < end, line[index] != UInt8(ascii: "="), line[index] > 0x20 { index += 1 }
            let key = AuditKey(line, from: word, count: index - word)
            guard index < end, line[index] == UInt8(ascii: "=") else {
                // A record without a type of its own: the payload alone, as it comes from the kernel.
                guard word < end, AuditRecordHeader(line.extracting(word..<end)) != nil else { return nil }
                payload = word..<end
                return
            }
            index += 1
            let value = index
            if key == AuditKey("msg") {
                payload = value..<end
                return
            }
            while index < end, line[index] > 0x20 { index += 1 }
            if key == AuditKey("type") {
                type = AuditRecordType.number(of: line.extracting(value..<index))
            } else if key == AuditKey("node") {
                node = value..<index
            } else {
                return nil
            }
        }
        return nil
    }
}
