/// One `key=value` of a record, as offsets into its payload.
///
/// 16 bits suffice: the kernel's records end at 8,560 bytes of text, and the cursor looks at 65,535 at most.
package struct AuditField: Sendable, BitwiseCopyable {
    /// How the value is written. It does not tell what it means: a quoted `4142` is text, a bare one may be hex; the field's
    /// key decides (`AuditKey.isUntrusted`).
    package enum Form: UInt8, Sendable, BitwiseCopyable {
        case bare
        /// `"…"`; the range is what lies between the quotes.
        case quoted
        /// `'…'` of user messages; what lies between holds fields of its own, chosen by whoever sent it.
        case nested
        /// `{ … }` in what auditd adds to a SOCKADDR.
        case braced
    }

    package var keyStart: UInt16 = 0
    package var keyCount: UInt16 = 0
    package var valueStart: UInt16 = 0
    package var valueCount: UInt16 = 0
    package var form: Form = .bare

    package init() {}

    @inline(__always)
    init(keyStart: Int, keyEnd: Int, valueStart: Int, valueEnd: Int, form: Form) {
        self.keyStart = UInt16(truncatingIfNeeded: keyStart)
        keyCount = UInt16(truncatingIfNeeded: keyEnd &- keyStart)
        self.valueStart = UInt16(truncatingIfNeeded: valueStart)
        valueCount = UInt16(truncatingIfNeeded: valueEnd &- valueStart)
        self.form = form
    }

    package var valueRange: Range<Int> { Int(valueStart)..<(Int(valueStart) + Int(valueCount)) }
    package var keyRange: Range<Int> { Int(keyStart)..<(Int(keyStart) + Int(keyCount)) }

    /// The value's bytes as they are written. `payload` is the one that the field was read from; in another, shorter one the
    /// range is cut to what is there.
    @inline(__always)
    @_lifetime(copy payload)
    package func value(in payload: Span<UInt8>) -> Span<UInt8> {
        payload.extracting(valueRange.clamped(to: 0..<payload.count))
    }

    @inline(__always)
    package func key(in payload: Span<UInt8>) -> AuditKey {
        AuditKey(payload, from: Int(keyStart), count: Int(keyCount))
    }
}
