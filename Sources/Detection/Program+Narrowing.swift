internal import EventModel

/// What keeps most opens away and none that a condition is about: a kernel rule can ask for it.
struct OpenNarrowing {
    var files: Set<AuditPlan.WatchedFile> = []
    /// O_TRUNC among the flags.
    var truncations = false
    /// Opened for writing.
    var writes = false
    /// Nothing that the condition is about is left out.
    var isWhole = true

    /// The less, the fewer opens are heard of.
    fileprivate var cost: Int { isWhole ? (writes ? 2 : truncations ? 1 : 0) : 3 }

    fileprivate mutating func formUnion(_ other: OpenNarrowing) {
        files.formUnion(other.files)
        truncations = truncations || other.truncations
        writes = writes || other.writes
        isWhole = isWhole && other.isWhole
    }
}

extension Program {
    private static let opens = EventTypeMask { $0.isOpen }

    /// How a kernel rule can hear of the opens at which the condition may be true, and of few others; nil where nothing in
    /// the condition tells them apart.
    func openNarrowing(at position: Int, isNegated: Bool = false) -> OpenNarrowing? {
        let node = nodes[position]
        let possible = possibleTypes(at: position)
        if (isNegated ? possible.false : possible.true).isDisjoint(with: Self.opens) { return OpenNarrowing() }
        switch node.kind {
        case .test: return isNegated ? nil : openNarrowing(of: node)
        case .not: return openNarrowing(at: position + 1, isNegated: !isNegated)
        case .one: return nil
        case .all, .any:
            let parts = children(of: position).map { openNarrowing(at: $0, isNegated: isNegated) }
            // Under a negation `and` is `or` and the other way round (De Morgan).
            if (node.kind == .all) != isNegated { return parts.compactMap { $0 }.min { $0.cost < $1.cost } }
            var whole = OpenNarrowing()
            for part in parts {
                if let part { whole.formUnion(part) } else { whole.isWhole = false }
            }
            return whole.files.isEmpty && !whole.isWhole ? nil : whole
        }
    }

    private func openNarrowing(of node: Node) -> OpenNarrowing? {
        guard node.test != .never, node.test != .typeIn, let field = operands[Int(node.operand)].field else {
            return nil
        }
        var narrowing = OpenNarrowing()
        switch (field, node.test) {
        case (.evtIsOpenWrite, .booleanIn) where node.number == 2: narrowing.writes = true
        case (.evtArgFlags, .contains) where texts(of: node) == ["O_TRUNC"]: narrowing.truncations = true
        // Block devices and files of /proc and /sys have ways of their own.
        case (.fileType, .textEqual) where texts(of: node) == ["block"]: break
        case (.fdProcPID, _), (.fdFstype, _): break
        case (.fdName, _) where node.test != .contains, (.fdDirectory, _) where node.test != .contains:
            for text in texts(of: node) {
                guard text.hasPrefix("/") else { return nil }
                if text.hasPrefix("/proc/") || text.hasPrefix("/sys/") { continue }
                let isFile = field == .fdName && (node.test == .textEqual || node.test == .textIn)
                let path = text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
                // The whole tree is no narrowing.
                guard path != "/" else { return nil }
                narrowing.files.insert(AuditPlan.WatchedFile(path: path, isDirectory: !isFile))
            }
        default: return nil
        }
        return narrowing
    }

    /// The texts with which a test is true: equal, or for a path the beginning; empty for other tests.
    private func texts(of node: Node) -> [String] {
        switch node.test {
        case .textEqual, .startswith, .contains:
            [String(decoding: literals[literalRanges[Int(node.literal)]], as: UTF8.self)]
        case .textIn: setElements[Int(node.literal)]
        case .trie where tries[Int(node.literal)].direction != .suffix: tries[Int(node.literal)].literals
        default: [""]
        }
    }

    /// The texts one of which `field` has, holds or is at every event of these types at which the condition is true; nil where
    /// it may be another.
    func requiredTexts(_ field: FieldID, at position: Int, whenever types: EventTypeMask) -> [String]? {
        required(at: position, whenever: types) { node in
            guard operands[Int(node.operand)].field == field else { return nil }
            switch node.test {
            case .textEqual, .contains, .icontains, .startswith:
                return [String(decoding: literals[literalRanges[Int(node.literal)]], as: UTF8.self)]
            case .textIn: return setElements[Int(node.literal)]
            default: return nil
            }
        }
    }

    /// The numbers one of which `field` is at every event of these types at which the condition is true.
    func requiredNumbers(_ field: FieldID, at position: Int, whenever types: EventTypeMask) -> [Int64]? {
        required(at: position, whenever: types) { node in
            guard operands[Int(node.operand)].field == field else { return nil }
            switch node.test {
            case .numberEqual: return [node.number]
            case .numberIn: return Array(numbers[Int(node.literal)])
            default: return nil
            }
        }
    }

    /// Whether the condition is true only where this boolean is.
    func requires(_ field: FieldID, at position: Int) -> Bool {
        required(at: position, whenever: Self.opens) { node -> [Bool]? in
            operands[Int(node.operand)].field == field && node.test == .booleanIn && node.number == 2 ? [true] : nil
        } != nil
    }

    /// Whether the condition is true only of what a container does: `container.id != host`.
    func requiresContainer(at position: Int) -> Bool {
        required(at: position, whenever: Self.opens) { node -> [Bool]? in
            operands[Int(node.operand)].field == .containerID && node.test == .textNotEqual
                && literals[literalRanges[Int(node.literal)]].elementsEqual("host".utf8) ? [true] : nil
        } != nil
    }

    private func required<Element>(
        at position: Int, whenever types: EventTypeMask, _ find: (Node) -> [Element]?
    ) -> [Element]? {
        let node = nodes[position]
        if possibleTypes(at: position).true.isDisjoint(with: types) { return [] }
        switch node.kind {
        case .test: return node.test == .never || node.test == .typeIn ? nil : find(node)
        case .not, .one: return nil
        case .all:
            for child in children(of: position) {
                if let found = required(at: child, whenever: types, find) { return found }
            }
            return nil
        case .any:
            var all: [Element] = []
            for child in children(of: position) {
                guard let some = required(at: child, whenever: types, find) else { return nil }
                all += some
            }
            return all
        }
    }

    /// The event types that the condition asks for by name. `evt.type != x` names none, and a condition without a type is no
    /// reason to listen to every call.
    func namedTypes(at position: Int, isNegated: Bool = false) -> EventTypeMask {
        let node = nodes[position]
        switch node.kind {
        case .test:
            let mask = EventTypeMask(rawValue: UInt64(bitPattern: node.number))
            // The complement of a set has the bits that no type has.
            guard node.test == .typeIn, !isNegated, mask.subtracting(.all).isEmpty else { return [] }
            return mask
        case .not: return namedTypes(at: position + 1, isNegated: !isNegated)
        case .all, .any, .one:
            return children(of: position).reduce([]) { $0.union(namedTypes(at: $1, isNegated: isNegated)) }
        }
    }
}
