internal import EventModel

/// A set of event types as bits, by raw value.
struct EventTypeMask: OptionSet, Sendable {
    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(_ type: EventType) { rawValue = 1 << UInt64(type.rawValue) }
    init(where isMember: (EventType) -> Bool) {
        self = EventType.allCases.filter(isMember).reduce(into: []) { $0.insert(EventTypeMask($1)) }
    }

    static let all = EventTypeMask { _ in true }
    var types: Set<EventType> { Set(EventType.allCases.filter { contains(EventTypeMask($0)) }) }
}

extension Program {
    /// The event types at which a subtree can be true, and those at which it can be false: what rules are indexed by.
    ///
    /// - Parameter assumesFed: what would be possible if every field had a value.
    func possibleTypes(
        at position: Int, assumesFed: Bool = false
    ) -> (true: EventTypeMask, false: EventTypeMask) {
        let node = nodes[position]
        switch node.kind {
        case .test:
            if node.test == .never { return (assumesFed && node.number >= 0 ? .all : [], .all) }
            guard node.test == .typeIn else { return (.all, .all) }
            let mask = EventTypeMask(rawValue: UInt64(bitPattern: node.number)).intersection(.all)
            return (mask, EventTypeMask.all.subtracting(mask))
        case .not:
            let inner = possibleTypes(at: position + 1, assumesFed: assumesFed)
            return (inner.false, inner.true)
        case .all, .any:
            var met: EventTypeMask = node.kind == .all ? .all : []
            var unmet: EventTypeMask = node.kind == .all ? [] : .all
            for child in children(of: position) {
                let inner = possibleTypes(at: child, assumesFed: assumesFed)
                met = node.kind == .all ? met.intersection(inner.true) : met.union(inner.true)
                unmet = node.kind == .all ? unmet.union(inner.false) : unmet.intersection(inner.false)
            }
            return (met, unmet)
        case .one:
            // Any of them may be the one, and any may fail it.
            let met = children(of: position).map { possibleTypes(at: $0, assumesFed: assumesFed).true }
            return (met.reduce([]) { $0.union($1) }, .all)
        }
    }

    /// Whether the condition at `position` can only be true of an event of these types when `field = text` is.
    func requires(_ field: FieldID, _ text: String, at position: Int, whenever types: EventTypeMask) -> Bool {
        let node = nodes[position]
        if possibleTypes(at: position).true.isDisjoint(with: types) { return true }
        switch node.kind {
        case .test:
            return node.test == .textEqual && operands[Int(node.operand)].field == field
                && literals[literalRanges[Int(node.literal)]].elementsEqual(text.utf8)
        case .not, .one: return false
        case .all: return children(of: position).contains { requires(field, text, at: $0, whenever: types) }
        case .any: return children(of: position).allSatisfy { requires(field, text, at: $0, whenever: types) }
        }
    }

    /// Fields of the subtree that no source here tells, in the order of the catalog.
    func unfedFields(at position: Int) -> [FieldID] {
        let numbers = nodes[position..<Int(nodes[position].end)].compactMap {
            $0.kind == .test && $0.test == .never && $0.number >= 0 ? Int($0.number) : nil
        }
        return Set(numbers).sorted().map { FieldID.allCases[$0] }
    }

    func children(of position: Int) -> [Int] {
        var children: [Int] = []
        var child = position + 1
        while child < Int(nodes[position].end) {
            children.append(child)
            child = Int(nodes[child].end)
        }
        return children
    }

    /// Each `field = text` and `field in (texts)` that helps to make the condition at `position` true, with the event
    /// types at which it does.
    func positiveTexts(
        at position: Int, types: EventTypeMask = .all, isNegated: Bool = false,
        visit: (FieldID, [String], EventTypeMask) -> Void
    ) {
        let node = nodes[position]
        switch node.kind {
        case .test:
            guard !isNegated, node.test != .never, let field = operands[Int(node.operand)].field else { return }
            if node.test == .textEqual {
                let text = String(decoding: literals[literalRanges[Int(node.literal)]], as: UTF8.self)
                visit(field, [text], types)
            } else if node.test == .textIn {
                visit(field, setElements[Int(node.literal)], types)
            }
        case .not:
            positiveTexts(at: position + 1, types: types, isNegated: !isNegated, visit: visit)
        case .one:
            for child in children(of: position) {
                positiveTexts(at: child, types: types, isNegated: isNegated, visit: visit)
            }
        case .all, .any:
            // Under a negation `and` is `or` and the other way round (De Morgan).
            let isConjunction = (node.kind == .all) != isNegated
            let children = children(of: position)
            let possible = children.map { child in
                let both = possibleTypes(at: child)
                return isNegated ? both.false : both.true
            }
            let common = isConjunction ? possible.reduce(types) { $0.intersection($1) } : types
            for (child, own) in zip(children, possible) {
                positiveTexts(at: child, types: common.intersection(own), isNegated: isNegated, visit: visit)
            }
        }
    }
}
