internal import EventModel

/// What a field or a transformer has to say about an event, while conditions are evaluated: no `String`, no allocation.
enum Value: Sendable, BitwiseCopyable {
    case missing
    /// The inventory has not been heard yet (first phase).
    case unknown
    case number(Int64)
    case boolean(Bool)
    /// Bytes of the event's text.
    case eventText(offset: Int, count: Int)
    /// Bytes of the store's text.
    case text(offset: Int, count: Int)
    /// Texts of the store, by their numbers.
    case texts(first: Int, count: Int)
    /// Addresses of the store, by their numbers.
    case addresses(first: Int, count: Int)
}

/// The values of one event, each extracted at most once, and the bytes they are made of. It is used again for the next
/// event, so that evaluation allocates nothing once it has grown.
struct ValueStore: Sendable {
    private(set) var text: [UInt8] = []
    private var texts: [Range<Int>] = []
    private(set) var addresses: [IPAddress] = []
    private var values: [Value]
    /// Which of `values` are this event's: those with the current number.
    private var stamps: [UInt64]
    private var stamp: UInt64 = 1

    /// - Parameter count: how many operands the program has.
    init(count: Int) {
        values = Array(repeating: .missing, count: count)
        stamps = Array(repeating: 0, count: count)
        text.reserveCapacity(16 * 1024)
        texts.reserveCapacity(64)
        addresses.reserveCapacity(32)
    }

    /// Forgets the event before.
    mutating func begin() {
        stamp += 1
        text.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        addresses.removeAll(keepingCapacity: true)
    }

    subscript(operand: Int) -> Value? {
        get { stamps[operand] == stamp ? values[operand] : nil }
        set {
            guard let newValue else { return }
            values[operand] = newValue
            stamps[operand] = stamp
        }
    }

    func range(ofText number: Int) -> Range<Int> { texts[number] }

    mutating func append(_ byte: UInt8) { text.append(byte) }
    mutating func append(_ string: String) { text.append(contentsOf: string.utf8) }
    mutating func append(_ bytes: ArraySlice<UInt8>) { text.append(contentsOf: bytes) }

    /// What was appended since `start`, a former `text.count`.
    func value(from start: Int) -> Value { .text(offset: start, count: text.count - start) }

    mutating func value(_ string: String) -> Value {
        let start = text.count
        append(string)
        return value(from: start)
    }

    mutating func value(_ string: String?) -> Value {
        guard let string else { return .missing }
        return value(string)
    }

    mutating func value(_ part: Substring?) -> Value {
        guard let part else { return .missing }
        let start = text.count
        let bytes = part.utf8Span.span
        for index in 0..<bytes.count { text.append(bytes[index]) }
        return value(from: start)
    }

    mutating func value(_ address: IPAddress?, or other: IPAddress? = nil) -> Value {
        let first = addresses.count
        if let address { addresses.append(address) }
        if let other { addresses.append(other) }
        return addresses.count > first ? .addresses(first: first, count: addresses.count - first) : .missing
    }

    mutating func value(_ number: some BinaryInteger) -> Value { .number(Int64(clamping: number)) }

    /// The words from `first` on, with a blank between them.
    mutating func value(joining words: [String], from first: Int) -> Value {
        let start = text.count
        appendWords(words, from: first)
        return value(from: start)
    }

    mutating func appendWords(_ words: [String], from first: Int) {
        for index in first..<max(first, words.count) {
            if index > first { append(UInt8(ascii: " ")) }
            append(words[index])
        }
    }

    /// A decimal number as text.
    mutating func appendDecimal(_ number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    /// Number that the next text of a list will have.
    var textCount: Int { texts.count }
    /// Makes a text of a list of what was appended since `start`.
    mutating func closeText(from start: Int) { texts.append(start..<text.count) }

    mutating func value(_ strings: [String], from skipped: Int = 0) -> Value {
        let first = textCount
        for index in skipped..<max(skipped, strings.count) {
            let start = text.count
            append(strings[index])
            closeText(from: start)
        }
        return .texts(first: first, count: textCount - first)
    }
}
