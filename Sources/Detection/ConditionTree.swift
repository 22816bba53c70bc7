internal import EventModel

/// A condition with its macros and lists expanded and its names resolved, before it becomes a flat program.
indirect enum ConditionTree: Sendable {
    case all([ConditionTree])
    case any([ConditionTree])
    /// True where exactly one is (`oneof`).
    case one([ConditionTree])
    case not(ConditionTree)
    case leaf(Leaf)

    /// One test. Operands are indices into the program's.
    enum Leaf: Sendable {
        /// Never true. `unfed` names the field that no source here tells, if that is why.
        case never(unfed: FieldID?)
        /// The event's type is one of the mask's.
        case types(UInt64)
        case exists(Int32)
        /// Bit 0 stands for false, bit 1 for true.
        case booleans(Int32, Int64)
        case number(Int32, Program.Test, Int64)
        case numbers(Int32, Set<Int64>)
        case texts(Int32, [String])
        /// Each text of a list is one of these.
        case allTexts(Int32, [String])
        case literals(Int32, LiteralTrie.Direction, [String])
        /// A test against one literal that is no equality, prefix or suffix.
        case text(Int32, Program.Test, String)
        case pattern(Int32, BytePattern)
        /// An address in one of these; negated, in none of them.
        case networks(Int32, [IPNetwork], isNegated: Bool)
        /// Compared with another operand.
        case operands(Int32, Condition.Comparison, Int32)
    }
}

extension ConditionTree {
    /// The same condition with as few tests as may be: what hangs together is flattened, and tests of one operand that are
    /// joined by `or` become one test of a set.
    var simplified: ConditionTree {
        switch self {
        case .leaf: self
        case .not(let inner): .not(inner.simplified)
        case .one(let terms): .one(terms.map(\.simplified))
        case .any(let terms): Self.joined(terms.map(\.simplified), isNegated: false)
        case .all(let terms): Self.joined(terms.map(\.simplified), isNegated: true)
        }
    }

    /// `or` of the terms, or `and`, in which `not a = x and not a = y` is `not a in (x, y)`.
    private static func joined(_ terms: [ConditionTree], isNegated isAll: Bool) -> ConditionTree {
        var flat: [ConditionTree] = []
        for term in terms {
            switch (term, isAll) {
            case (.all(let inner), true), (.any(let inner), false): flat += inner
            default: flat.append(term)
            }
        }
        var merged: [ConditionTree] = []
        var places: [Leaf.Key: Int] = [:]
        for term in flat {
            guard let leaf = term.mergeable(inAll: isAll), let key = leaf.key else {
                merged.append(term)
                continue
            }
            guard let place = places[key], let other = merged[place].mergeable(inAll: isAll) else {
                places[key] = merged.count
                merged.append(term)
                continue
            }
            let both = ConditionTree.leaf(other.union(leaf))
            merged[place] = isAll ? .not(both) : both
        }
        if merged.count == 1 { return merged[0] }
        return isAll ? .all(merged) : .any(merged)
    }

    private func mergeable(inAll isAll: Bool) -> Leaf? {
        switch (self, isAll) {
        case (.leaf(let leaf), false), (.not(.leaf(let leaf)), true): leaf
        default: nil
        }
    }
}

extension ConditionTree.Leaf {
    /// Leaves with the same key become one.
    fileprivate struct Key: Hashable {
        var kind: Int
        var operand: Int32
    }

    fileprivate var key: Key? {
        switch self {
        case .types: Key(kind: 0, operand: 0)
        case .booleans(let operand, _): Key(kind: 1, operand: operand)
        case .numbers(let operand, _): Key(kind: 2, operand: operand)
        case .texts(let operand, _): Key(kind: 3, operand: operand)
        case .literals(let operand, .prefix, _): Key(kind: 4, operand: operand)
        case .literals(let operand, .suffix, _): Key(kind: 5, operand: operand)
        case .literals(let operand, .path, _): Key(kind: 6, operand: operand)
        default: nil
        }
    }

    /// Both have the same key.
    fileprivate func union(_ other: Self) -> Self {
        switch (self, other) {
        case (.types(let left), .types(let right)): .types(left | right)
        case (.booleans(let operand, let left), .booleans(_, let right)): .booleans(operand, left | right)
        case (.numbers(let operand, let left), .numbers(_, let right)): .numbers(operand, left.union(right))
        case (.texts(let operand, let left), .texts(_, let right)): .texts(operand, left + right)
        case (.literals(let operand, let direction, let left), .literals(_, _, let right)):
            .literals(operand, direction, left + right)
        default: self
        }
    }
}
