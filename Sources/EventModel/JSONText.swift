/// Writes JSON text byte by byte: alerts are written this way so that their keys come in Falco's order and no byte that a
/// container chose leaves unescaped.
package struct JSONText: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { buffer in unsafe bytes.append(contentsOf: buffer) }
    }

    package mutating func number(_ value: Int64) { bytes.append(contentsOf: String(value).utf8) }

    package mutating func boolean(_ value: Bool) { raw(value ? "true" : "false") }

    /// A string with quotes. Control characters, quotes and backslashes are escaped; other characters stay as they are.
    package mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0a: raw("\\n")
            case 0x0d: raw("\\r")
            case 0x09: raw("\\t")
            case 0..<0x20, 0x7f:
                raw("\\u00")
                bytes.append(Self.digits[Int(byte >> 4)])
                bytes.append(Self.digits[Int(byte & 15)])
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// `[…]` or `{…}` with commas between what `element` writes.
    package mutating func list<T>(
        _ open: StaticString, _ elements: some Sequence<T>, _ close: StaticString,
        _ element: (inout JSONText, T) -> Void
    ) {
        raw(open)
        var isFirst = true
        for value in elements {
            if !isFirst { raw(",") }
            isFirst = false
            element(&self, value)
        }
        raw(close)
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
