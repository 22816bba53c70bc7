/// A YAML scalar's text together with where it stands, so that an offset into the text (after folding and unescaping) can
/// be told as a place in the file.
package struct ScalarText: Sendable {
    enum Style: Sendable {
        case plain, singleQuoted, doubleQuoted, block
    }

    let source: SourceText
    /// The scalar's first character in the file: the quote, the `|` or `>`, or the text itself.
    let start: SourcePosition
    let style: Style
    let text: String

    /// Another text that is told to stand at the same place.
    func replacing(_ text: String) -> ScalarText {
        ScalarText(source: source, start: start, style: style, text: text)
    }

    /// Without the blanks and line ends after it.
    var trimmed: ScalarText {
        var end = text.utf8[...]
        while let last = end.last, last == 0x20 || last == 0x0A || last == 0x0D || last == 0x09 { end.removeLast() }
        return replacing(String(end) ?? text)
    }

    /// The place in the file of the byte at `offset` of `text`. Only white space is folded and only quoted scalars escape,
    /// so both texts are walked side by side; where they part (they should not), the scalar's start is told.
    func position(at offset: Int) -> SourcePosition {
        var walker = Walker(bytes: source.bytes, style: style, index: source.offset(of: start))
        walker.enter()
        let wanted = Array(text.utf8)
        let target = min(offset, wanted.count)
        var index = 0
        while index < target {
            if Walker.isBlank(wanted[index]) {
                index += 1
                walker.skipBlank(upTo: 1)
                continue
            }
            guard walker.consume(wanted, &index) else { return start }
        }
        // Blanks that folding took away belong before the place, unless the place is itself a blank or the end.
        if target < wanted.count, !Walker.isBlank(wanted[target]) { walker.skipBlank(upTo: .max) }
        return source.position(at: walker.index)
    }
}

/// Reads a scalar's source beside its text.
private struct Walker {
    let bytes: [UInt8]
    let style: ScalarText.Style
    var index: Int

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    /// Steps over tags and anchors, the opening quote, or a block scalar's first line.
    mutating func enter() {
        while let first = byte, first == UInt8(ascii: "&") || first == UInt8(ascii: "!") {
            while let byte, !Self.isBlank(byte) { index += 1 }
            skipBlank(upTo: .max)
        }
        switch style {
        case .plain: break
        case .singleQuoted, .doubleQuoted: index = min(index + 1, bytes.count)
        case .block:
            while let byte, byte != 0x0A { index += 1 }
            skipBlank(upTo: .max)
        }
    }

    mutating func skipBlank(upTo limit: Int) {
        var left = limit
        while left > 0, let byte {
            if Self.isBlank(byte) {
                index += 1
                left -= 1
            } else if style == .doubleQuoted, byte == UInt8(ascii: "\\"), index + 1 < bytes.count,
                Self.isBlank(bytes[index + 1]) || bytes[index + 1] == UInt8(ascii: "n")
                    || bytes[index + 1] == UInt8(ascii: "t")
            {
                index += 2
                left -= 1
            } else {
                return
            }
        }
    }

    /// Reads one character of the source that stands for the byte at `position` of `text`, and moves both on.
    mutating func consume(_ text: [UInt8], _ position: inout Int) -> Bool {
        skipBlank(upTo: .max)
        guard let byte else { return false }
        if style == .singleQuoted, byte == UInt8(ascii: "'") { index += 1 }
        guard style == .doubleQuoted, byte == UInt8(ascii: "\\"), index + 1 < bytes.count else {
            guard index < bytes.count, bytes[index] == text[position] else { return false }
            index += 1
            position += 1
            return true
        }
        let digits =
            switch bytes[index + 1] {
            case UInt8(ascii: "x"): 2
            case UInt8(ascii: "u"): 4
            case UInt8(ascii: "U"): 8
            default: 0
            }
        index = min(index + 2 + digits, bytes.count)
        position += 1
        while position < text.count, text[position] & 0xC0 == 0x80 { position += 1 }
        return true
    }
}
