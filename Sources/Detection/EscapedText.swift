/// Text that a container chose, made harmless for a line of output: control characters, those that turn the direction of
/// writing, and bytes that are no UTF-8 are spelt out.
package enum EscapedText {
    /// Whether a scalar can be printed as it is.
    static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0: false
        // Line and paragraph separators, and the marks that reorder what is shown.
        case 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: false
        default: true
        }
    }

    /// Appends `bytes`; what is no UTF-8 becomes `\xff`, a control character `\n` or `\u001b`.
    package static func append(_ bytes: some Sequence<UInt8>, to text: inout String) {
        var iterator = bytes.makeIterator()
        // The parser reads ahead and an error does not say which bytes it swallowed, so they are kept here.
        var pending: [UInt8] = []
        while let byte = iterator.next() {
            pending.append(byte)
            while let step = firstStep(of: pending, isWhole: false) {
                take(step, from: &pending, to: &text)
            }
        }
        while let step = firstStep(of: pending, isWhole: true) {
            take(step, from: &pending, to: &text)
        }
    }

    package static func append(_ string: String, to text: inout String) {
        for scalar in string.unicodeScalars { append(scalar, to: &text) }
    }

    package static func escaped(_ string: String) -> String {
        var text = ""
        append(string, to: &text)
        return text
    }

    private enum Step {
        case scalar(Unicode.Scalar, length: Int)
        case invalid
    }

    /// What the bytes begin with; nil while more bytes are needed to tell.
    private static func firstStep(of bytes: [UInt8], isWhole: Bool) -> Step? {
        guard let first = bytes.first else { return nil }
        let length =
            switch first {
            case 0..<0x80: 1
            case 0xC2..<0xE0: 2
            case 0xE0..<0xF0: 3
            case 0xF0..<0xF5: 4
            default: 0
            }
        if length == 0 { return .invalid }
        if bytes.count < length {
            let continues = bytes.dropFirst().allSatisfy { $0 & 0xC0 == 0x80 }
            return isWhole || !continues ? .invalid : nil
        }
        guard let string = String(validating: bytes.prefix(length), as: UTF8.self),
            let scalar = string.unicodeScalars.first, string.unicodeScalars.count == 1
        else { return .invalid }
        return .scalar(scalar, length: length)
    }

    private static func take(_ step: Step, from pending: inout [UInt8], to text: inout String) {
        switch step {
        case .scalar(let scalar, let length):
            append(scalar, to: &text)
            pending.removeFirst(length)
        case .invalid:
            text += "\\x" + hex(UInt32(pending.removeFirst()), digits: 2)
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        guard !isPlain(scalar) else {
            text.unicodeScalars.append(scalar)
            return
        }
        switch scalar {
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        default: text += "\\u" + hex(scalar.value, digits: 4)
        }
    }

    private static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
