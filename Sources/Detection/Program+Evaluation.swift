internal import EventModel

extension Program {
    /// - Parameters:
    ///   - attribution: nil in the first phase, where its fields are unknown.
    ///   - store: begun for this event and phase.
    func verdict(
        at position: Int, event: KernelEvent, attribution: Attribution?, store: inout ValueStore
    ) -> Verdict {
        let node = nodes[position]
        switch node.kind {
        case .test:
            if node.needsAttribution, attribution == nil { return .unknown }
            return verdict(of: node, event: event, attribution: attribution, store: &store)
        case .not:
            return switch verdict(at: position + 1, event: event, attribution: attribution, store: &store) {
            case .yes: .no
            case .no: .yes
            case .unknown: .unknown
            }
        case .all, .any:
            let decisive: Verdict = node.kind == .all ? .no : .yes
            var result: Verdict = node.kind == .all ? .yes : .no
            var child = position + 1
            while child < Int(node.end) {
                let verdict = verdict(at: child, event: event, attribution: attribution, store: &store)
                if verdict == decisive { return decisive }
                if verdict == .unknown { result = .unknown }
                child = Int(nodes[child].end)
            }
            return result
        case .one:
            return one(of: node, from: position + 1, event: event, attribution: attribution, store: &store)
        }
    }

    private func one(
        of node: Node, from first: Int, event: KernelEvent, attribution: Attribution?,
        store: inout ValueStore
    ) -> Verdict {
        var count = 0
        var isKnown = true
        var child = first
        while child < Int(node.end) {
            switch verdict(at: child, event: event, attribution: attribution, store: &store) {
            case .yes: count += 1
            case .no: break
            case .unknown: isKnown = false
            }
            if count > 1 { return .no }
            child = Int(nodes[child].end)
        }
        return isKnown ? (count == 1 ? .yes : .no) : .unknown
    }

    private func verdict(
        of node: Node, event: KernelEvent, attribution: Attribution?, store: inout ValueStore
    ) -> Verdict {
        switch node.test {
        case .never: return .no
        case .typeIn: return node.number & (1 << Int64(event.type.rawValue)) != 0 ? .yes : .no
        default: break
        }
        let value = value(of: Int(node.operand), event: event, attribution: attribution, store: &store)
        switch value {
        case .missing: return .no
        case .unknown: return .unknown
        default: break
        }
        if node.test == .operand {
            let other = self.value(of: Int(node.literal), event: event, attribution: attribution, store: &store)
            let comparison = ValueComparison.all[Int(node.number)]
            return ValueComparison.verdict(value, comparison, other, event: event, store: store)
        }
        let isTrue =
            switch value {
            case .number(let number): node.test == .exists || holds(node, number)
            case .boolean(let boolean): node.test == .exists || node.number & (boolean ? 2 : 1) != 0
            case .eventText(let offset, let count):
                holds(node, event.text.span.extracting(offset..<(offset + count)))
            case .text(let offset, let count): holds(node, store.text.span.extracting(offset..<(offset + count)))
            case .texts(let first, let count): holds(node, textsFrom: first, count: count, store)
            case .addresses(let first, let count): holds(node, addressesFrom: first, count: count, store)
            case .missing, .unknown: false
            }
        return isTrue ? .yes : .no
    }

    /// A field of several values compares true where one of them does; a transformer's list is `in` a set where all are.
    private func holds(_ node: Node, textsFrom first: Int, count: Int, _ store: ValueStore) -> Bool {
        if node.test == .exists { return count > 0 }
        let asksAll = node.test == .allIn
        for number in first..<(first + count)
        where holds(node, store.text.span.extracting(store.range(ofText: number))) != asksAll {
            return !asksAll
        }
        return asksAll
    }

    /// One end in one of the networks; for `!=` none of the ends.
    private func holds(_ node: Node, addressesFrom first: Int, count: Int, _ store: ValueStore) -> Bool {
        if node.test == .exists { return true }
        guard node.test == .network || node.test == .notNetwork else { return false }
        let networks = networks[Int(node.literal)]
        for number in first..<(first + count) {
            let address = store.addresses[number]
            for index in networks.indices where networks[index].contains(address) { return node.test == .network }
        }
        return node.test == .notNetwork
    }

    private func holds(_ node: Node, _ number: Int64) -> Bool {
        switch node.test {
        case .numberEqual: number == node.number
        case .numberNotEqual: number != node.number
        case .numberLess: number < node.number
        case .numberLessOrEqual: number <= node.number
        case .numberGreater: number > node.number
        case .numberGreaterOrEqual: number >= node.number
        case .numberIn: numbers[Int(node.literal)].contains(number)
        default: false
        }
    }

    private func holds(_ node: Node, _ text: Span<UInt8>) -> Bool {
        switch node.test {
        case .exists: return true
        case .textIn, .allIn: return sets[Int(node.literal)].contains(text)
        case .trie: return tries[Int(node.literal)].matches(text)
        case .pattern: return patterns[Int(node.literal)].matches(text)
        case .textEqual, .textNotEqual, .contains, .icontains, .startswith, .endswith, .glob, .iglob, .pathGlob: break
        default: return false
        }
        let literal = literals.span.extracting(literalRanges[Int(node.literal)])
        return switch node.test {
        case .textEqual: ByteText.isEqual(text, literal)
        case .textNotEqual: !ByteText.isEqual(text, literal)
        case .contains: ByteText.contains(text, literal, ignoringCase: false)
        case .icontains: ByteText.contains(text, literal, ignoringCase: true)
        case .startswith: ByteText.hasPrefix(text, literal)
        case .endswith: ByteText.hasSuffix(text, literal)
        case .glob: ByteText.matches(text, glob: literal, ignoringCase: false)
        case .pathGlob: ByteText.isPathPrefix(glob: literal, of: text)
        default: ByteText.matches(text, glob: literal, ignoringCase: true)
        }
    }
}
