/// The words of a condition. A function that finds nothing leaves the place where it was.
struct ConditionScanner {
    private let bytes: [UInt8]
    /// The next byte.
    var index = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { index >= bytes.count }
    private var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_")
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// At the end the place is after the last word, not after the blanks and line ends that follow it.
    func expected(_ what: String) -> ConditionSyntaxError {
        guard isAtEnd else { return ConditionSyntaxError(offset: index, message: "expected \(what)") }
        var end = bytes.count
        while end > 0, Self.isBlank(bytes[end - 1]) { end -= 1 }
        return ConditionSyntaxError(offset: end, message: "expected \(what), found the end")
    }

    mutating func skipBlank() {
        while let byte, Self.isBlank(byte) { index += 1 }
    }

    func peek(_ character: Unicode.Scalar) -> Bool { byte == UInt8(ascii: character) }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek(character) else { return false }
        index += 1
        return true
    }

    /// A word of letters and digits that ends here; nothing is moved.
    private func ends(_ word: String, at start: Int) -> Int? {
        let end = start + word.utf8.count
        guard end <= bytes.count, bytes[start..<end].elementsEqual(word.utf8) else { return nil }
        return end < bytes.count && Self.isNameByte(bytes[end]) ? nil : end
    }

    /// `and`, `or`, `not`, which a blank or a parenthesis follows; blanks before it are skipped with it.
    mutating func takeJoiner(_ word: String) -> Bool {
        var start = index
        while start < bytes.count, Self.isBlank(bytes[start]) { start += 1 }
        guard let end = ends(word, at: start), end < bytes.count,
            Self.isBlank(bytes[end]) || bytes[end] == UInt8(ascii: "(")
        else { return false }
        index = end
        return true
    }

    /// `[a-zA-Z][a-zA-Z0-9_]*`.
    mutating func name() -> String? {
        guard let first = byte, Self.isLetter(first) else { return nil }
        let start = index
        while let byte, Self.isNameByte(byte) { index += 1 }
        return text(start..<index)
    }

    private static let words = Condition.Comparison.allCases.filter { $0.rawValue.utf8.allSatisfy(isLetter) }

    mutating func comparison() -> Condition.Comparison? {
        for (symbol, comparison) in [
            ("<=", Condition.Comparison.lessOrEqual), ("<", .less), (">=", .greaterOrEqual), (">", .greater),
            ("==", .equal), ("=", .equal), ("!=", .notEqual),
        ] where bytes[index...].starts(with: symbol.utf8) {
            index += symbol.utf8.count
            return comparison
        }
        for comparison in Self.words {
            if let end = ends(comparison.rawValue, at: index) {
                index = end
                return comparison
            }
        }
        return nil
    }

    /// `oneof`, `anyof`, `allof` before a parenthesis or a list's name; elsewhere the word is a value like any other.
    mutating func modifier() -> Condition.Modifier? {
        for modifier in Condition.Modifier.allCases {
            guard let end = ends(modifier.rawValue, at: index) else { continue }
            var next = end
            while next < bytes.count, Self.isBlank(bytes[next]) { next += 1 }
            guard next < bytes.count else { continue }
            let isName = next > end && Self.isLetter(bytes[next])
            guard bytes[next] == UInt8(ascii: "(") || isName,
                !["and", "or"].contains(where: { ends($0, at: next) != nil })
            else { continue }
            index = next
            return modifier
        }
        return nil
    }

    /// `0x1f`, `-12`, `1.5e+3`.
    mutating func number() -> Condition.Value? {
        let start = index
        var end = index
        if end < bytes.count, bytes[end] == UInt8(ascii: "+") || bytes[end] == UInt8(ascii: "-") { end += 1 }
        guard end < bytes.count, Self.isDigit(bytes[end]) else { return nil }
        while end < bytes.count, Self.isNumberByte(bytes[end], after: bytes[end - 1 >= start ? end - 1 : start]) {
            end += 1
        }
        index = end
        return Condition.Value(text: text(start..<end), isQuoted: false, offset: start)
    }

    /// Whether a byte goes on with a number: whether the number is one is decided when it is converted.
    private static func isNumberByte(_ byte: UInt8, after previous: UInt8) -> Bool {
        if isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ".") { return true }
        return (byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")) && previous | 0x20 == UInt8(ascii: "e")
    }

    /// A quoted or a bare string.
    mutating func value() throws(ConditionSyntaxError) -> Condition.Value? {
        let start = index
        if let text = try quoted() { return Condition.Value(text: text, isQuoted: true, offset: start) }
        while let byte, !Self.isBlank(byte), !Self.endsBareString(byte) { index += 1 }
        guard index > start else { return nil }
        return Condition.Value(text: text(start..<index), isQuoted: false, offset: start)
    }

    private static func endsBareString(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "="),
            UInt8(ascii: ","):
            true
        default: false
        }
    }

    /// `[^][\"'\s]+`.
    mutating func bareArgument() -> String? {
        let start = index
        while let byte, !Self.isBlank(byte), byte != UInt8(ascii: "["), byte != UInt8(ascii: "]"),
            byte != UInt8(ascii: "\""), byte != UInt8(ascii: "'")
        {
            index += 1
        }
        return index > start ? text(start..<index) : nil
    }

    /// A string in quotes with its escapes undone; nil where no quote stands here.
    mutating func quoted() throws(ConditionSyntaxError) -> String? {
        guard let quote = byte, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
        let start = index
        var content: [UInt8] = []
        index += 1
        while let byte {
            index += 1
            if byte == quote { return String(decoding: content, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\"), let next = self.byte else {
                content.append(byte)
                continue
            }
            index += 1
            content.append(contentsOf: Self.unescaped(next))
        }
        throw ConditionSyntaxError(offset: start, message: "expected the closing quote of this string")
    }

    /// A backslash before another character than these stays, so that patterns can be written without doubling it.
    private static func unescaped(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "b"): [0x08]
        case UInt8(ascii: "f"): [0x0C]
        case UInt8(ascii: "n"): [0x0A]
        case UInt8(ascii: "r"): [0x0D]
        case UInt8(ascii: "t"): [0x09]
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "/"): [byte]
        default: [UInt8(ascii: "\\"), byte]
        }
    }
}
