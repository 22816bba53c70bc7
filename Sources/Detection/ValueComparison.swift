internal import EventModel

/// Two operands against each other: `fd.name = val(proc.exepath)`.
enum ValueComparison {
    /// Made once: `allCases` makes an array each time.
    static let all = Condition.Comparison.allCases

    /// The operators that take a field or a transformer on the right.
    static let operators: Set<Condition.Comparison> = Set(Condition.Comparison.allCases).subtracting([
        .pmatch, .regex, .exists, .bcontains, .bstartswith,
    ])

    static func verdict(
        _ left: Value, _ comparison: Condition.Comparison, _ right: Value, event: KernelEvent,
        store: ValueStore
    ) -> Verdict {
        switch (left, right) {
        case (.missing, _), (_, .missing): return .no
        case (.unknown, _), (_, .unknown): return .unknown
        case (.number(let left), .number(let right)): return holds(left, comparison, right) ? .yes : .no
        case (.boolean(let left), .boolean(let right)):
            return (left == right) != (comparison == .notEqual) ? .yes : .no
        case (.addresses(let left, let count), .addresses(let right, let other)):
            return isOne(of: left..<(left + count), in: right..<(right + other), store) != (comparison == .notEqual)
                ? .yes : .no
        default: break
        }
        // `in` asks for all of the left's texts, the others for one.
        let asksAll = comparison == .isIn
        for number in 0..<count(left) {
            let holds = holds(number, of: left, comparison, right, event: event, store: store)
            if holds != asksAll { return holds ? .yes : .no }
        }
        return asksAll ? .yes : .no
    }

    private static func isOne(of left: Range<Int>, in right: Range<Int>, _ store: ValueStore) -> Bool {
        for number in left {
            for other in right where store.addresses[number] == store.addresses[other] { return true }
        }
        return false
    }

    private static func count(_ value: Value) -> Int {
        switch value {
        case .texts(_, let count): count
        case .text, .eventText: 1
        default: 0
        }
    }

    private static func holds(
        _ number: Int, of left: Value, _ comparison: Condition.Comparison, _ right: Value,
        event: KernelEvent, store: ValueStore
    ) -> Bool {
        let text = span(number, of: left, event: event, store: store)
        for other in 0..<count(right)
        where holds(text, comparison, span(other, of: right, event: event, store: store)) {
            return true
        }
        return false
    }

    @_lifetime(borrow event, borrow store)
    private static func span(
        _ number: Int, of value: Value, event: KernelEvent, store: ValueStore
    ) -> Span<UInt8> {
        switch value {
        case .eventText(let offset, let count): event.text.span.extracting(offset..<(offset + count))
        case .text(let offset, let count): store.text.span.extracting(offset..<(offset + count))
        case .texts(let first, _): store.text.span.extracting(store.range(ofText: first + number))
        default: Span()
        }
    }

    private static func holds(_ left: Int64, _ comparison: Condition.Comparison, _ right: Int64) -> Bool {
        switch comparison {
        case .equal, .isIn, .intersects: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        default: false
        }
    }

    private static func holds(_ left: Span<UInt8>, _ comparison: Condition.Comparison, _ right: Span<UInt8>) -> Bool {
        switch comparison {
        case .equal, .isIn, .intersects: ByteText.isEqual(left, right)
        case .notEqual: !ByteText.isEqual(left, right)
        case .contains: ByteText.contains(left, right, ignoringCase: false)
        case .icontains: ByteText.contains(left, right, ignoringCase: true)
        case .startswith: ByteText.hasPrefix(left, right)
        case .endswith: ByteText.hasSuffix(left, right)
        case .glob: ByteText.matches(left, glob: right, ignoringCase: false)
        case .iglob: ByteText.matches(left, glob: right, ignoringCase: true)
        default: false
        }
    }
}
