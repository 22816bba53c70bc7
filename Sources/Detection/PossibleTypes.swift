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
    func possibleTypes(at position: Int) -> (true: EventTypeMask, false: EventTypeMask) {
        let node = nodes[position]
        switch node.kind {
        case .test:
            guard node.test == .typeIn else { return (.all, .all) }
            let mask = EventTypeMask(rawValue: UInt64(bitPattern: node.number)).intersection(.all)
            return (mask, EventTypeMask.all.subtracting(mask))
        case .not:
            let inner = possibleTypes(at: position + 1)
            return (inner.false, inner.true)
        case .all, .any:
            var met: EventTypeMask = node.kind == .all ? .all : []
            var unmet: EventTypeMask = node.kind == .all ? [] : .all
            for child in children(of: position) {
                let inner = possibleTypes(at: child)
                met = node.kind == .all ? met.intersection(inner.true) : met.union(inner.true)
                unmet = node.kind == .all ? unmet.union(inner.false) : unmet.intersection(inner.false)
            }
            return (met, unmet)
        }
    }

    /// Whether the condition at `position` can only be true of an event of these types when `field = text` is.
    func requires(_ field: FieldID, _ text: String, at position: Int, whenever types: EventTypeMask) -> Bool {
        let node = nodes[position]
        if possibleTypes(at: position).true.isDisjoint(with: types) { return true }
        switch node.kind {
        case .test:
            return node.field == field && node.test == .textEqual
                && literals[literalRanges[Int(node.operand)]].elementsEqual(text.utf8)
        case .not: return false
        case .all: return children(of: position).contains { requires(field, text, at: $0, whenever: types) }
        case .any: return children(of: position).allSatisfy { requires(field, text, at: $0, whenever: types) }
        }
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
            guard !isNegated else { return }
            if node.test == .textEqual {
                let text = String(decoding: literals[literalRanges[Int(node.operand)]], as: UTF8.self)
                visit(node.field, [text], types)
            } else if node.test == .textIn {
                visit(node.field, setElements[Int(node.operand)], types)
            }
        case .not:
            positiveTexts(at: position + 1, types: types, isNegated: !isNegated, visit: visit)
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
