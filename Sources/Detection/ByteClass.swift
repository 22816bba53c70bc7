/// A set of bytes.
struct ByteClass: Sendable, Hashable {
    private var words: InlineWords = InlineWords()

    private struct InlineWords: Sendable, Hashable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var fourth: UInt64 = 0
    }

    static let all = ByteClass(0...255)
    /// RE2's `.`: anything but the end of a line.
    static let dot: ByteClass = {
        var dot = ByteClass.all
        dot.remove(UInt8(ascii: "\n"))
        return dot
    }()
    static let digits = ByteClass(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let lowercase = ByteClass(UInt8(ascii: "a")...UInt8(ascii: "z"))
    static let uppercase = ByteClass(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    static let words = digits.union(lowercase).union(uppercase).union(ByteClass(UInt8(ascii: "_")...UInt8(ascii: "_")))
    /// RE2's `\s`: tab, line feed, form feed, carriage return, blank.
    static let blanks = ByteClass(0x09...0x0A).union(ByteClass(0x0C...0x0D)).union(ByteClass(0x20...0x20))

    init() {}

    init(_ range: ClosedRange<UInt8>) {
        for byte in range { insert(byte) }
    }

    private subscript(word index: UInt8) -> UInt64 {
        get {
            switch index {
            case 0: words.first
            case 1: words.second
            case 2: words.third
            default: words.fourth
            }
        }
        set {
            switch index {
            case 0: words.first = newValue
            case 1: words.second = newValue
            case 2: words.third = newValue
            default: words.fourth = newValue
            }
        }
    }

    func contains(_ byte: UInt8) -> Bool { self[word: byte >> 6] & (1 << UInt64(byte & 63)) != 0 }
    mutating func insert(_ byte: UInt8) { self[word: byte >> 6] |= 1 << UInt64(byte & 63) }
    mutating func remove(_ byte: UInt8) { self[word: byte >> 6] &= ~(1 << UInt64(byte & 63)) }

    func forEach(_ body: (UInt8) -> Void) {
        for index in UInt8(0)..<4 {
            var bits = self[word: index]
            while bits != 0 {
                body((index << 6) + UInt8(bits.trailingZeroBitCount))
                bits &= bits - 1
            }
        }
    }

    func union(_ other: ByteClass) -> ByteClass {
        var result = self
        for index in UInt8(0)..<4 { result[word: index] |= other[word: index] }
        return result
    }

    var complement: ByteClass {
        var result = self
        for index in UInt8(0)..<4 { result[word: index] = ~result[word: index] }
        return result
    }

    /// With each ASCII letter its other case.
    var foldingCase: ByteClass {
        var result = self
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") where contains(byte) || contains(byte & 0xDF) {
            result.insert(byte)
            result.insert(byte & 0xDF)
        }
        return result
    }
}
