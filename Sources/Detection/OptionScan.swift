internal import EventModel

/// `getopt((words), "ab:")`: the short options among the words, as getopt(3) reads them.
struct OptionScan {
    /// The option string: which letters are options, and which take a value. Bytes beyond ASCII are none.
    private struct Options {
        private var known: (UInt64, UInt64) = (0, 0)
        private var withValue: (UInt64, UInt64) = (0, 0)

        private static func contains(_ set: (UInt64, UInt64), _ byte: UInt8) -> Bool {
            byte < 64 ? set.0 & (1 << UInt64(byte)) != 0 : byte < 128 && set.1 & (1 << UInt64(byte - 64)) != 0
        }

        private static func insert(_ byte: UInt8, _ set: inout (UInt64, UInt64)) {
            if byte < 64 { set.0 |= 1 << UInt64(byte) } else if byte < 128 { set.1 |= 1 << UInt64(byte - 64) }
        }

        init(_ source: Transformation.Source, event: KernelEvent, store: ValueStore) {
            var previous: UInt8 = 0
            for index in source.range {
                let byte = source.byte(index, event: event, store: store)
                if byte != UInt8(ascii: ":") {
                    Self.insert(byte, &known)
                } else if previous != 0, previous != UInt8(ascii: ":") {
                    Self.insert(previous, &withValue)
                }
                previous = byte
            }
        }

        func isKnown(_ option: UInt8) -> Bool { Self.contains(known, option) }
        func takesValue(_ option: UInt8) -> Bool { Self.contains(withValue, option) }
    }

    /// Without `selector` a list of the options, each followed by its value if it takes one, `?` for an unknown one; with
    /// it that option's last value (the option itself where it takes none), missing where it is not given.
    static func value(
        words: Value, options: Value, selector: UInt8?, event: KernelEvent, store: inout ValueStore
    ) -> Value {
        var scan = Self(
            words: words,
            options: Options(Transformation.source(0, of: options, store), event: event, store: store),
            selector: selector)
        let first = store.textCount
        while scan.readWord(event: event, store: &store) {}
        if selector == nil { return .texts(first: first, count: store.textCount - first) }
        guard let selected = scan.selected else { return .missing }
        let start = store.text.count
        Transformation.append(selected, event: event, to: &store)
        return store.value(from: start)
    }

    private let words: Value
    private let options: Options
    private let selector: UInt8?
    /// The next word.
    private var number = 0
    private var selected: Transformation.Source?

    private init(words: Value, options: Options, selector: UInt8?) {
        self.words = words
        self.options = options
        self.selector = selector
    }

    /// False at the end: the first word that is no option, and `--`. Long options are passed over.
    private mutating func readWord(event: KernelEvent, store: inout ValueStore) -> Bool {
        let dash = UInt8(ascii: "-")
        guard number < Transformation.count(words) else { return false }
        let word = Transformation.source(number, of: words, store)
        number += 1
        let start = word.range.lowerBound
        guard word.range.count > 1, word.byte(start, event: event, store: store) == dash else { return false }
        if word.byte(start + 1, event: event, store: store) == dash { return word.range.count > 2 }
        var place = start + 1
        while place < word.range.upperBound {
            let option = word.byte(place, event: event, store: store)
            let rest = (place + 1)..<word.range.upperBound
            if options.isKnown(option), options.takesValue(option) {
                let name = Transformation.Source(isOfEvent: word.isOfEvent, range: place..<(place + 1))
                let value = Transformation.Source(isOfEvent: word.isOfEvent, range: rest)
                take(option, name, value: value, event: event, store: &store)
                return true
            }
            take(option, at: place, of: word, event: event, store: &store)
            place += 1
        }
        return true
    }

    /// An option with a value: the rest of its word, else the next word. One that lacks it has an empty one.
    private mutating func take(
        _ option: UInt8, _ name: Transformation.Source, value: Transformation.Source, event: KernelEvent,
        store: inout ValueStore
    ) {
        var value = value
        var isGiven = true
        if value.range.isEmpty, number < Transformation.count(words) {
            value = Transformation.source(number, of: words, store)
            number += 1
        } else if value.range.isEmpty {
            isGiven = false
        }
        if let selector {
            if selector == option { selected = value }
            return
        }
        if isGiven { Self.emit(name, event: event, store: &store) }
        Self.emit(value, event: event, store: &store)
    }

    /// An option without a value, or one that is not known.
    private mutating func take(
        _ option: UInt8, at place: Int, of word: Transformation.Source, event: KernelEvent, store: inout ValueStore
    ) {
        let name = Transformation.Source(isOfEvent: word.isOfEvent, range: place..<(place + 1))
        if let selector {
            if selector == option, options.isKnown(option) { selected = name }
        } else if options.isKnown(option) {
            Self.emit(name, event: event, store: &store)
        } else {
            let start = store.text.count
            store.append(UInt8(ascii: "?"))
            store.closeText(from: start)
        }
    }

    private static func emit(_ source: Transformation.Source, event: KernelEvent, store: inout ValueStore) {
        let start = store.text.count
        Transformation.append(source, event: event, to: &store)
        store.closeText(from: start)
    }
}
