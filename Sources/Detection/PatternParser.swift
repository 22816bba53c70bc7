/// Reads the part of RE2's syntax that rules use: literals, `.`, classes, groups, alternation, `* + ? {n,m}` (a following
/// `?` changes nothing in a whole match), `^ $`, `\d \w \s` and their opposites, `\x41`, `[[:alpha:]]`, and `(?i)`.
///
/// Bytes are matched, not characters: a character beyond ASCII stands for its bytes, in a class only by itself.
struct PatternParser {
    private static let maximumDepth = 100
    private static let maximumRepeat = 1000

    let bytes: [UInt8]
    var index = 0
    private(set) var ignoresCase = false
    private var depth = 0

    static func parse(_ pattern: String) throws(PatternError) -> PatternSyntax {
        var parser = PatternParser(bytes: Array(pattern.utf8))
        let syntax = try parser.alternatives()
        guard parser.index == parser.bytes.count else { throw parser.error("`)` without `(`") }
        return syntax
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    func error(_ message: String, at offset: Int? = nil) -> PatternError {
        PatternError(offset: offset ?? index, message: message)
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard byte == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func alternatives() throws(PatternError) -> PatternSyntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth) groups") }
        var branches = [try concatenation()]
        while take("|") { branches.append(try concatenation()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func concatenation() throws(PatternError) -> PatternSyntax {
        var items: [PatternSyntax] = []
        while let byte, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            guard let atom = try atom() else { continue }
            items.append(try repeated(atom))
        }
        return items.count == 1 ? items[0] : .concatenation(items)
    }

    /// Nil for what has no width and no meaning of its own, `(?i)`.
    private mutating func atom() throws(PatternError) -> PatternSyntax? {
        let start = index
        guard let first = byte else { return nil }
        index += 1
        switch first {
        case UInt8(ascii: "("): return try group(from: start)
        case UInt8(ascii: "["): return try bracket(from: start)
        case UInt8(ascii: "."): return .byte(.dot)
        case UInt8(ascii: "^"): return .start
        case UInt8(ascii: "$"): return .end
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
            throw error("nothing to repeat before this", at: start)
        case UInt8(ascii: "\\"): return fold(try escape(from: start))
        default: return literal(from: start)
        }
    }

    private func fold(_ set: ByteClass) -> PatternSyntax { .byte(ignoresCase ? set.foldingCase : set) }

    /// A character with all its bytes, so that what repeats it repeats all of them.
    mutating func literal(from start: Int) -> PatternSyntax {
        while let byte, byte & 0xC0 == 0x80, bytes[start] >= 0xC0 { index += 1 }
        let items = bytes[start..<index].map { fold(ByteClass($0...$0)) }
        return items.count == 1 ? items[0] : .concatenation(items)
    }

    private mutating func group(from start: Int) throws(PatternError) -> PatternSyntax? {
        let outer = ignoresCase
        if take("?") {
            if take("P") || byte == UInt8(ascii: "<") {
                guard take("<"), byte != UInt8(ascii: "="), byte != UInt8(ascii: "!") else {
                    throw error("looking around is not part of the language", at: start)
                }
                while let byte, byte != UInt8(ascii: ">") { index += byte == UInt8(ascii: ")") ? bytes.count : 1 }
                guard take(">") else { throw error("expected `>` after the group's name", at: start) }
            } else {
                try flags(from: start)
                if take(")") { return nil }
                guard take(":") else { throw error("expected `:` or `)` after the flags", at: start) }
            }
        }
        let inner = try alternatives()
        guard take(")") else { throw error("`(` without `)`", at: start) }
        ignoresCase = outer
        return inner
    }

    private mutating func flags(from start: Int) throws(PatternError) {
        var value = true
        while let byte, byte != UInt8(ascii: ":"), byte != UInt8(ascii: ")") {
            switch byte {
            case UInt8(ascii: "-"): value = false
            case UInt8(ascii: "i"): ignoresCase = value
            default: throw error("expected `(?i)`, `(?-i)`, `(?:` or `(?P<name>`", at: start)
            }
            index += 1
        }
    }

    private mutating func repeated(_ atom: PatternSyntax) throws(PatternError) -> PatternSyntax {
        guard let (minimum, maximum) = try repetition() else { return atom }
        _ = take("?")
        let end = index
        if try repetition() != nil { throw error("repeats what is repeated already", at: end) }
        return .repetition(atom, minimum: minimum, maximum: maximum)
    }

    private mutating func repetition() throws(PatternError) -> (minimum: Int, maximum: Int?)? {
        let start = index
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard byte == UInt8(ascii: "{"), let (minimum, maximum, end) = bounds() else { return nil }
        guard max(minimum, maximum ?? 0) <= Self.maximumRepeat, maximum.map({ $0 >= minimum }) ?? true else {
            throw error("expected at most \(Self.maximumRepeat) repetitions, the smaller number first", at: start)
        }
        index = end
        return (minimum, maximum)
    }

    /// `{2}`, `{2,}`, `{2,5}`; nil where the brace is a character like any other.
    private func bounds() -> (minimum: Int, maximum: Int?, end: Int)? {
        var position = index + 1
        func number() -> Int? {
            let start = position
            while position < bytes.count, ByteClass.digits.contains(bytes[position]) { position += 1 }
            guard position > start else { return nil }
            return Int(String(decoding: bytes[start..<position], as: UTF8.self)) ?? .max
        }
        guard let minimum = number(), position < bytes.count else { return nil }
        var maximum: Int? = minimum
        if bytes[position] == UInt8(ascii: ",") {
            position += 1
            maximum = number()
        }
        guard position < bytes.count, bytes[position] == UInt8(ascii: "}") else { return nil }
        return (minimum, maximum, position + 1)
    }

    /// After the backslash.
    mutating func escape(from start: Int) throws(PatternError) -> ByteClass {
        guard let byte else { throw error("expected a character after `\\`", at: start) }
        index += 1
        switch byte {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "D"): return ByteClass.digits.complement
        case UInt8(ascii: "w"): return .words
        case UInt8(ascii: "W"): return ByteClass.words.complement
        case UInt8(ascii: "s"): return .blanks
        case UInt8(ascii: "S"): return ByteClass.blanks.complement
        case UInt8(ascii: "n"): return ByteClass(0x0A...0x0A)
        case UInt8(ascii: "r"): return ByteClass(0x0D...0x0D)
        case UInt8(ascii: "t"): return ByteClass(0x09...0x09)
        case UInt8(ascii: "f"): return ByteClass(0x0C...0x0C)
        case UInt8(ascii: "v"): return ByteClass(0x0B...0x0B)
        case UInt8(ascii: "x"):
            guard index + 2 <= bytes.count,
                let value = UInt8(String(decoding: bytes[index..<(index + 2)], as: UTF8.self), radix: 16)
            else { throw error("expected two hexadecimal digits after `\\x`", at: start) }
            index += 2
            return ByteClass(value...value)
        default:
            guard byte < 0x80, !ByteClass.words.contains(byte) else {
                let character = String(decoding: [byte], as: UTF8.self)
                throw error("`\\\(character)` is not part of the language", at: start)
            }
            return ByteClass(byte...byte)
        }
    }
}
