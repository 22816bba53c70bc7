/// The stamp that each audit record begins with: `audit(1700000000.123:456): `.
///
/// All records of one event carry the same. Time alone tells nothing apart (the kernel's clock for it is a coarse one), and
/// the serial wraps at 32 bits: the pair is the event's identity.
package struct AuditStamp: Hashable, Sendable, BitwiseCopyable {
    /// Milliseconds since the epoch.
    package var time: UInt64
    package var serial: UInt32

    package init(time: UInt64, serial: UInt32) {
        self.time = time
        self.serial = serial
    }
}

/// A record's stamp and where its fields begin.
package struct AuditRecordHeader: Sendable, BitwiseCopyable {
    package var stamp: AuditStamp
    /// Offset of the first byte behind the stamp in the payload.
    package var bodyOffset: Int

    /// Reads the stamp at the start of a netlink payload or of a log line's `msg=`.
    ///
    /// Nil unless the payload begins with it whole: seconds that fit, exactly three digits of milliseconds, a 32-bit
    /// serial. The colon after it is missing in one line that auditd writes (`… :34) config changed`).
    @inline(__always)
    package init?(_ payload: Span<UInt8>) {
        // "audit(" and at least "0.000:0)".
        guard payload.count >= 14,
            payload[0] == UInt8(ascii: "a"), payload[1] == UInt8(ascii: "u"), payload[2] == UInt8(ascii: "d"),
            payload[3] == UInt8(ascii: "i"), payload[4] == UInt8(ascii: "t"), payload[5] == UInt8(ascii: "(")
        else { return nil }
        var index = 6
        var seconds: UInt64 = 0
        // 12 digits of seconds reach the year 33658 and cannot overflow, also not as nanoseconds' thousandth.
        while index < payload.count, index < 18 {
            let digit = payload[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            seconds = seconds &* 10 &+ UInt64(digit)
            index &+= 1
        }
        // Twelve more bytes may not be there: each is checked.
        guard index > 6, payload.count - index >= 6, payload[index] == UInt8(ascii: ".") else { return nil }
        let hundreds = payload[index &+ 1] &- UInt8(ascii: "0")
        let tens = payload[index &+ 2] &- UInt8(ascii: "0")
        let ones = payload[index &+ 3] &- UInt8(ascii: "0")
        guard hundreds <= 9, tens <= 9, ones <= 9, payload[index &+ 4] == UInt8(ascii: ":") else { return nil }
        index &+= 5
        let first = index
        var serial: UInt64 = 0
        while index < payload.count, index &- first < 10 {
            let digit = payload[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            serial = serial &* 10 &+ UInt64(digit)
            index &+= 1
        }
        guard index > first, serial <= UInt64(UInt32.max), index < payload.count, payload[index] == UInt8(ascii: ")")
        else { return nil }
        index &+= 1
        if index < payload.count, payload[index] == UInt8(ascii: ":") { index &+= 1 }
        let milliseconds = UInt64(hundreds) &* 100 &+ UInt64(tens) &* 10 &+ UInt64(ones)
        stamp = AuditStamp(time: seconds &* 1000 &+ milliseconds, serial: UInt32(truncatingIfNeeded: serial))
        bodyOffset = index
    }
}
