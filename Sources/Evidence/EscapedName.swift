/// The manifest's spelling of bytes that a container chose: reversible, and harmless on a terminal.
///
/// Printable characters in valid UTF-8 stay. Control characters, those that turn the direction of writing, the backslash, and
/// bytes that are no UTF-8 become `\xHH`, two lower-case hex digits a byte.
package enum EscapedName {
    package static func escape(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let length = plainLength(bytes[index...].prefix(4))
            if length > 0 {
                text.append(contentsOf: bytes[index..<index + length])
                index += length
            } else {
                text.append(contentsOf: "\\x".utf8)
                text.append(digit(bytes[index] >> 4))
                text.append(digit(bytes[index] & 15))
                index += 1
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes; nil: a backslash that does not begin `\xHH`.
    package static func unescape(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            guard rest.popFirst() == UInt8(ascii: "x"), let high = rest.popFirst().flatMap(value),
                let low = rest.popFirst().flatMap(value)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// Length of the printable character that the bytes begin with; 0: there is none.
    private static func plainLength(_ bytes: ArraySlice<UInt8>) -> Int {
        guard let first = bytes.first else { return 0 }
        let length =
            switch first {
            case UInt8(ascii: "\\"): 0
            case 0x20..<0x7F: 1
            case 0xC2..<0xE0: 2
            case 0xE0..<0xF0: 3
            case 0xF0..<0xF5: 4
            default: 0
            }
        guard length > 1, bytes.count >= length else { return length == 1 ? 1 : 0 }
        guard let text = String(validating: bytes.prefix(length), as: UTF8.self),
            let scalar = text.unicodeScalars.first, isPrintable(scalar)
        else { return 0 }
        return length
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x80..<0xA0: false
        // Line and paragraph separators, and the marks that reorder what is shown.
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: false
        default: true
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
