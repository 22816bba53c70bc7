/// Numbers as audit records hold them. Nil for no digits, a foreign byte, or a number that does not fit.
package enum AuditNumber {
    @inline(__always)
    package static func decimal(_ digits: Span<UInt8>) -> UInt64? {
        guard digits.count > 0 else { return nil }
        var value: UInt64 = 0
        for index in digits.indices {
            let digit = digits[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// With a minus sign, as `exit` has it.
    package static func signedDecimal(_ digits: Span<UInt8>) -> Int64? {
        guard digits.count > 0, digits[0] == UInt8(ascii: "-") else {
            return decimal(digits).flatMap { Int64(exactly: $0) }
        }
        guard let magnitude = decimal(digits.extracting(1..<digits.count)) else { return nil }
        if magnitude == 1 << 63 { return .min }
        return Int64(exactly: magnitude).map { -$0 }
    }

    /// Without a prefix (`a0`, `arch`, `dev`), or with `0x` (`resolve`).
    package static func hexadecimal(_ digits: Span<UInt8>) -> UInt64? {
        var index = 0
        if digits.count > 2, digits[0] == UInt8(ascii: "0"), digits[1] | 0x20 == UInt8(ascii: "x") { index = 2 }
        guard index < digits.count else { return nil }
        var value: UInt64 = 0
        while index < digits.count {
            guard let digit = hexadecimalDigit(digits[index]), value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
            index += 1
        }
        return value
    }

    /// Leading zeros are the kernel's prefix and change nothing (`mode`, `oflag`).
    package static func octal(_ digits: Span<UInt8>) -> UInt64? {
        guard digits.count > 0 else { return nil }
        var value: UInt64 = 0
        for index in digits.indices {
            let digit = digits[index] &- UInt8(ascii: "0")
            guard digit <= 7, value >> 61 == 0 else { return nil }
            value = value << 3 | UInt64(digit)
        }
        return value
    }

    /// `08:01`, both halves hexadecimal. Old kernels' `dev=hda7` is nil.
    package static func device(_ text: Span<UInt8>) -> (major: UInt32, minor: UInt32)? {
        var colon = 0
        while colon < text.count, text[colon] != UInt8(ascii: ":") { colon += 1 }
        guard colon < text.count,
            let major = hexadecimal(text.extracting(0..<colon)).flatMap({ UInt32(exactly: $0) }),
            let minor = hexadecimal(text.extracting((colon + 1)..<text.count)).flatMap({ UInt32(exactly: $0) })
        else { return nil }
        return (major, minor)
    }

    @inline(__always)
    package static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        let decimal = byte &- UInt8(ascii: "0")
        if decimal <= 9 { return decimal }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter <= 5 ? letter + 10 : nil
    }
}
