/// Walks through the fields of one record without storing them.
///
/// Words without `=` (`avc:  denied  { read } for`, `auditd start,`) are passed over. A control byte ends a value as a space
/// does: 0x1D parts what the kernel wrote from what auditd added. Brackets and commas around the fields of old user
/// messages (`(hostname=?, addr=?, res=success)`) belong to neither key nor value.
package struct AuditFieldCursor: Sendable, BitwiseCopyable {
    package private(set) var position: Int

    package init(at position: Int) {
        self.position = max(0, position)
    }

    @inline(__always)
    package mutating func next(in payload: Span<UInt8>) -> AuditField? {
        let end = min(payload.count, Int(UInt16.max))
        var index = position
        while index < end {
            var byte = payload[index]
            if byte <= 0x20 || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ",") {
                index &+= 1
                continue
            }
            let keyStart = index
            while byte > 0x20, byte != UInt8(ascii: "=") {
                index &+= 1
                guard index < end else {
                    position = end
                    return nil
                }
                byte = payload[index]
            }
            guard byte == UInt8(ascii: "=") else { continue }
            let keyEnd = index
            index &+= 1
            guard keyEnd > keyStart else { continue }
            let valueStart = index
            guard index < end else {
                position = end
                return AuditField(
                    keyStart: keyStart, keyEnd: keyEnd, valueStart: valueStart, valueEnd: valueStart, form: .bare)
            }
            byte = payload[index]
            if byte == UInt8(ascii: "\"") {
                index &+= 1
                while index < end, payload[index] != UInt8(ascii: "\"") { index &+= 1 }
                position = index &+ 1
                return AuditField(
                    keyStart: keyStart, keyEnd: keyEnd, valueStart: valueStart &+ 1, valueEnd: index, form: .quoted)
            }
            if byte == UInt8(ascii: "'") {
                let close = Self.lastQuote(in: payload, after: index, before: end)
                position = close &+ 1
                return AuditField(
                    keyStart: keyStart, keyEnd: keyEnd, valueStart: valueStart &+ 1, valueEnd: close, form: .nested)
            }
            if byte == UInt8(ascii: "{") {
                index &+= 1
                while index < end, payload[index] != UInt8(ascii: "}") { index &+= 1 }
                position = index &+ 1
                return AuditField(
                    keyStart: keyStart, keyEnd: keyEnd, valueStart: valueStart &+ 1, valueEnd: index, form: .braced)
            }
            while byte > 0x20 {
                index &+= 1
                guard index < end else { break }
                byte = payload[index]
            }
            position = index
            var valueEnd = index
            if valueEnd > valueStart, payload[valueEnd &- 1] == UInt8(ascii: ",") { valueEnd &-= 1 }
            if valueEnd > valueStart, payload[valueEnd &- 1] == UInt8(ascii: ")"),
                payload[valueStart] != UInt8(ascii: "(")
            {
                valueEnd &-= 1
            }
            return AuditField(
                keyStart: keyStart, keyEnd: keyEnd, valueStart: valueStart, valueEnd: valueEnd, form: .bare)
        }
        position = end
        return nil
    }

    /// A user message is not escaped: what it quotes may hold quotes, so its end is the last one before auditd's addition, or
    /// that addition (the record's end) where the message was cut.
    @inline(never)
    private static func lastQuote(in payload: Span<UInt8>, after start: Int, before end: Int) -> Int {
        var limit = start + 1
        while limit < end, payload[limit] != 0x1D { limit += 1 }
        var index = limit
        while index > start + 1 {
            index -= 1
            if payload[index] == UInt8(ascii: "'") { return index }
        }
        return limit
    }
}
