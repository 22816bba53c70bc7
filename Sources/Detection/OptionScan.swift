internal import EventModel

/// `getopt((words), "ab:")`: the short options among the words, as getopt(3) reads them.
enum OptionScan {
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
        let known = Options(Transformation.source(0, of: options, store), event: event, store: store)
        let count = Transformation.count(words)
        let first = store.textCount
        var selected: Transformation.Source?
        func emit(_ source: Transformation.Source, _ store: inout ValueStore) {
            let start = store.text.count
            Transformation.append(source, event: event, to: &store)
            store.closeText(from: start)
        }
        var number = 0
        while number < count {
            let word = Transformation.source(number, of: words, store)
            func byte(_ index: Int) -> UInt8 { word.byte(word.range.lowerBound + index, event: event, store: store) }
            let length = word.range.count
            // The first word that is no option ends them, as `--` does; long options are passed over.
            if length < 2 || byte(0) != UInt8(ascii: "-") { break }
            if byte(1) == UInt8(ascii: "-") {
                if length == 2 { break }
                number += 1
                continue
            }
            var index = 1
            while index < length {
                let option = byte(index)
                let place = word.range.lowerBound + index
                let name = Transformation.Source(isOfEvent: word.isOfEvent, range: place..<(place + 1))
                index += 1
                guard known.isKnown(option) else {
                    if selector == nil {
                        let start = store.text.count
                        store.append(UInt8(ascii: "?"))
                        store.closeText(from: start)
                    }
                    continue
                }
                let isWanted = selector == nil || selector == option
                guard known.takesValue(option) else {
                    if isWanted {
                        if selector == nil { emit(name, &store) } else { selected = name }
                    }
                    continue
                }
                var value = Transformation.Source(isOfEvent: word.isOfEvent, range: (place + 1)..<word.range.upperBound)
                var isGiven = true
                if value.range.isEmpty {
                    if number + 1 < count {
                        number += 1
                        value = Transformation.source(number, of: words, store)
                    } else {
                        isGiven = false
                    }
                }
                if isWanted {
                    if selector != nil {
                        selected = value
                    } else {
                        if isGiven { emit(name, &store) }
                        emit(value, &store)
                    }
                }
                break
            }
            number += 1
        }
        if selector == nil { return .texts(first: first, count: store.textCount - first) }
        guard let selected else { return .missing }
        let start = store.text.count
        Transformation.append(selected, event: event, to: &store)
        return store.value(from: start)
    }
}
