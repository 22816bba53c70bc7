/// A place in a rule file: line and column count from 1, columns in Unicode scalars, as editors and libyaml count them.
package struct SourcePosition: Hashable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// The text of one rule file with its lines, to tell where in it an error lies.
package struct SourceText: Sendable {
    /// As errors print it: the path, or what the caller calls the text.
    package let name: String
    let bytes: [UInt8]
    /// Offset of each line's first byte.
    private let lineStarts: [Int]

    package init(name: String, text: String) {
        self.name = name
        bytes = Array(text.utf8)
        lineStarts = Self.lineStarts(of: bytes)
    }

    /// Lines end where libyaml ends them, or its line numbers would not be ours: LF, CR, CR LF, NEL, LS, PS.
    private static func lineStarts(of bytes: [UInt8]) -> [Int] {
        var starts = [0]
        var index = 0
        while index < bytes.count {
            let length = breakLength(in: bytes, at: index)
            index += max(length, 1)
            if length > 0 { starts.append(index) }
        }
        return starts
    }

    /// How many bytes the line break at `index` has; 0 where there is none.
    private static func breakLength(in bytes: [UInt8], at index: Int) -> Int {
        let next = index + 1 < bytes.count ? bytes[index + 1] : 0
        let afterNext = index + 2 < bytes.count ? bytes[index + 2] : 0
        switch bytes[index] {
        case 0x0A: return 1
        case 0x0D: return next == 0x0A ? 2 : 1
        case 0xC2: return next == 0x85 ? 2 : 0
        case 0xE2: return next == 0x80 && (afterNext == 0xA8 || afterNext == 0xA9) ? 3 : 0
        default: return 0
        }
    }

    /// The byte at `position`, at most the end of the text.
    func offset(of position: SourcePosition) -> Int {
        guard position.line >= 1, position.line <= lineStarts.count else { return bytes.count }
        var offset = lineStarts[position.line - 1]
        var column = 1
        while column < position.column, offset < bytes.count {
            offset += 1
            while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
            column += 1
        }
        return offset
    }

    func position(at offset: Int) -> SourcePosition {
        let clamped = min(max(offset, 0), bytes.count)
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= clamped { low = middle } else { high = middle }
        }
        let scalars = bytes[lineStarts[low]..<clamped].reduce(into: 0) { count, byte in
            if byte & 0xC0 != 0x80 { count += 1 }
        }
        return SourcePosition(line: low + 1, column: scalars + 1)
    }

    /// The line of `position` and below it a caret, each line indented by four spaces; a long line is cut to the part
    /// around the caret, and what could move a terminal's cursor is replaced.
    func excerpt(at position: SourcePosition) -> String {
        guard position.line >= 1, position.line <= lineStarts.count else { return "" }
        let start = lineStarts[position.line - 1]
        let end = position.line < lineStarts.count ? lineStarts[position.line] : bytes.count
        let scalars = Array(String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars)
        let first = max(0, position.column - 1 - 100)
        let last = min(scalars.count, first + 160)
        var line = ""
        for scalar in scalars[min(first, last)..<last] {
            if EscapedText.isPlain(scalar) {
                line.unicodeScalars.append(scalar)
            } else {
                line += " "
            }
        }
        while line.unicodeScalars.last == " " { line.unicodeScalars.removeLast() }
        return "    \(line)\n    " + String(repeating: " ", count: max(0, position.column - 1 - first)) + "^"
    }
}
