internal import EventModel

/// What the transformers make of values: new bytes at the end of the store's text.
enum Transformation {
    /// Where a value's bytes lie: in the event or in the store.
    struct Source {
        let isOfEvent: Bool
        let range: Range<Int>

        func byte(_ index: Int, event: KernelEvent, store: ValueStore) -> UInt8 {
            isOfEvent ? event.text[index] : store.text[index]
        }
    }

    /// The texts of a value; numbers have none.
    static func count(_ value: Value) -> Int {
        switch value {
        case .text, .eventText: 1
        case .texts(_, let count): count
        default: 0
        }
    }

    static func source(_ number: Int, of value: Value, _ store: ValueStore) -> Source {
        switch value {
        case .eventText(let offset, let count): Source(isOfEvent: true, range: offset..<(offset + count))
        case .text(let offset, let count): Source(isOfEvent: false, range: offset..<(offset + count))
        case .texts(let first, _): Source(isOfEvent: false, range: store.range(ofText: first + number))
        default: Source(isOfEvent: false, range: 0..<0)
        }
    }

    static func append(_ source: Source, event: KernelEvent, to store: inout ValueStore) {
        for index in source.range { store.append(source.byte(index, event: event, store: store)) }
    }

    static func append(_ value: Value, event: KernelEvent, to store: inout ValueStore) {
        switch value {
        case .number(let number):
            if number < 0 { store.append(UInt8(ascii: "-")) }
            store.appendDecimal(number.magnitude)
        case .boolean(let boolean): store.append(boolean ? "true" : "false")
        default: break
        }
        for number in 0..<count(value) { append(source(number, of: value, store), event: event, to: &store) }
    }

    static func join(
        _ list: Value, with separator: Value, event: KernelEvent, store: inout ValueStore
    ) -> Value {
        let start = store.text.count
        for number in 0..<count(list) {
            if number > 0 { append(separator, event: event, to: &store) }
            append(source(number, of: list, store), event: event, to: &store)
        }
        return store.value(from: start)
    }

    /// Bytes of a text up to a NUL, or elements of a list.
    static func length(_ value: Value, event: KernelEvent, store: ValueStore) -> Value {
        if case .texts(_, let count) = value { return .number(Int64(count)) }
        let source = source(0, of: value, store)
        var count = 0
        for index in source.range {
            if source.byte(index, event: event, store: store) == 0 { break }
            count += 1
        }
        return .number(Int64(count))
    }

    /// One text for each of the value's; missing where one of them has no meaning (base64 that is none).
    static func map(
        _ value: Value, _ function: Operand.Function, event: KernelEvent, store: inout ValueStore
    ) -> Value {
        let first = store.textCount
        let begin = store.text.count
        for number in 0..<count(value) {
            let start = store.text.count
            let source = source(number, of: value, store)
            guard apply(function, source, event: event, store: &store) else { return .missing }
            if case .texts = value { store.closeText(from: start) }
        }
        if case .texts(_, let count) = value { return .texts(first: first, count: count) }
        return store.value(from: begin)
    }

    private static func apply(
        _ function: Operand.Function, _ source: Source, event: KernelEvent, store: inout ValueStore
    ) -> Bool {
        switch function {
        case .tolower:
            for index in source.range {
                let byte = source.byte(index, event: event, store: store)
                store.append((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte)
            }
        case .toupper:
            for index in source.range {
                let byte = source.byte(index, event: event, store: store)
                store.append((UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte & 0xDF : byte)
            }
        case .basename:
            var start = source.range.upperBound
            while start > source.range.lowerBound,
                source.byte(start - 1, event: event, store: store) != UInt8(ascii: "/")
            {
                start -= 1
            }
            append(
                Source(isOfEvent: source.isOfEvent, range: start..<source.range.upperBound), event: event, to: &store)
        default: return decode(source, event: event, store: &store)
        }
        return true
    }

    /// Base64 with or without its padding; false where it is none.
    private static func decode(_ source: Source, event: KernelEvent, store: inout ValueStore) -> Bool {
        var end = source.range.upperBound
        var padding = 0
        while end > source.range.lowerBound, padding < 2,
            source.byte(end - 1, event: event, store: store) == UInt8(ascii: "=")
        {
            end -= 1
            padding += 1
        }
        let count = end - source.range.lowerBound
        guard count % 4 != 1, padding == 0 || (count + padding) % 4 == 0 else { return false }
        var bits: UInt32 = 0
        var pending: UInt32 = 0
        for index in source.range.lowerBound..<end {
            guard let digit = digit(source.byte(index, event: event, store: store)) else { return false }
            bits = (bits << 6 | digit) & 0xFFFF
            pending += 6
            if pending >= 8 {
                pending -= 8
                store.append(UInt8(truncatingIfNeeded: bits >> pending))
            }
        }
        return true
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
