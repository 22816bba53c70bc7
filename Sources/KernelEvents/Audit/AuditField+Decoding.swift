package import EventModel

extension AuditField {
    /// What an untrusted field's value says about its text.
    package enum TextForm: Sendable {
        /// `(null)`, `?` or `(none)`: the kernel had no text.
        case absent
        /// The bytes are the text.
        case plain
        /// Two hex digits a byte.
        case hexadecimal
    }

    /// How to read the value of a field that the kernel logs as an untrusted string: quoted is text, bare is hex. A bare value
    /// that is no hex (a log whose quotes were lost, an interpreted one) is taken as it stands.
    package func textForm(in payload: Span<UInt8>) -> TextForm {
        if form != .bare { return .plain }
        let bytes = value(in: payload)
        if bytes.count == 0 { return .absent }
        if bytes.count == 1, bytes[0] == UInt8(ascii: "?") { return .absent }
        if bytes.count == 6, bytes[0] == UInt8(ascii: "("), bytes[5] == UInt8(ascii: ")"),
            bytes[1] == UInt8(ascii: "n")
        {
            return .absent
        }
        guard bytes.count % 2 == 0 else { return .plain }
        for index in bytes.indices where AuditNumber.hexadecimalDigit(bytes[index]) == nil { return .plain }
        return .hexadecimal
    }

    /// Decodes an untrusted value into an event's text; `.none` where the kernel had none.
    package func decodeText(in payload: Span<UInt8>, into event: inout KernelEvent) -> TextRange {
        let bytes = value(in: payload)
        switch textForm(in: payload) {
        case .absent:
            return .none
        case .plain:
            return event.append(bytes)
        case .hexadecimal:
            let start = event.textEnd
            var index = 0
            while index &+ 1 < bytes.count {
                let high = AuditNumber.hexadecimalDigit(bytes[index]) ?? 0
                let low = AuditNumber.hexadecimalDigit(bytes[index &+ 1]) ?? 0
                event.appendByte(high << 4 | low)
                index &+= 2
            }
            return event.range(from: start)
        }
    }

    /// Decodes hex digits (an untrusted value, a `saddr`) into fresh bytes. For tests and people, not for the hot path.
    package func decodedBytes(in payload: Span<UInt8>) -> [UInt8] {
        let bytes = value(in: payload)
        var decoded: [UInt8] = []
        switch textForm(in: payload) {
        case .absent:
            break
        case .plain:
            for index in bytes.indices { decoded.append(bytes[index]) }
        case .hexadecimal:
            var index = 0
            while index + 1 < bytes.count {
                let high = AuditNumber.hexadecimalDigit(bytes[index]) ?? 0
                let low = AuditNumber.hexadecimalDigit(bytes[index + 1]) ?? 0
                decoded.append(high << 4 | low)
                index += 2
            }
        }
        return decoded
    }
}
