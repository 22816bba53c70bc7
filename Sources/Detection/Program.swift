internal import EventModel

/// Three-valued truth (Kleene's): what is not known yet is neither.
package enum Verdict: Sendable {
    case no, unknown, yes
}

/// The conditions of all rules, macros and lists expanded, as one flat array: a node, then its children, each as long as
/// its own subtree. Evaluation follows indices, reads an operand at most once an event, and allocates nothing.
struct Program: Sendable {
    enum Test: UInt8, Sendable {
        case never
        /// `number` is a mask of event types.
        case typeIn
        case exists
        /// `number`: bit 0 stands for false, bit 1 for true.
        case booleanIn
        case numberEqual, numberNotEqual, numberLess, numberLessOrEqual, numberGreater, numberGreaterOrEqual
        /// `literal` is an index into `numbers`.
        case numberIn
        /// `literal` is an index into `literalRanges`.
        case textEqual, textNotEqual, contains, icontains, startswith, endswith, glob, iglob, pathGlob
        /// `literal` is an index into `sets`.
        case textIn, allIn
        /// `literal` is an index into `tries`.
        case trie
        /// `literal` is an index into `patterns`.
        case pattern
        /// `literal` is an index into `networks`.
        case network, notNetwork
        /// `literal` is another operand, `number` an index into `ValueComparison.all`.
        case operand
    }

    enum Kind: UInt8, Sendable {
        case all, any, one, not, test
    }

    struct Node: Sendable, BitwiseCopyable {
        var kind: Kind
        /// The node after this one's subtree.
        var end: Int32
        var test: Test = .never
        var needsAttribution = false
        /// Index into `operands`.
        var operand: Int32 = 0
        var literal: Int32 = 0
        var number: Int64 = 0
    }

    var nodes: [Node] = []
    var operands: [Operand] = []
    /// The bytes of all single texts, one after the other: a span of an array's own element would not outlive it.
    private(set) var literals: [UInt8] = []
    private(set) var literalRanges: [Range<Int>] = []
    private(set) var sets: [ByteSet] = []
    private(set) var tries: [LiteralTrie] = []
    private(set) var patterns: [BytePattern] = []
    private(set) var numbers: [Set<Int64>] = []
    private(set) var networks: [[IPNetwork]] = []
    /// What the sets were made from, for the plans.
    private(set) var setElements: [[String]] = []

    /// The index of the tree's first node.
    mutating func append(_ tree: ConditionTree) -> Int {
        let start = nodes.count
        switch tree {
        case .all(let terms): append(.all, terms)
        case .any(let terms): append(.any, terms)
        case .one(let terms): append(.one, terms)
        case .not(let term): append(.not, [term])
        case .leaf(let leaf): append(leaf)
        }
        return start
    }

    private mutating func append(_ kind: Kind, _ terms: [ConditionTree]) {
        let start = nodes.count
        nodes.append(Node(kind: kind, end: 0))
        for term in terms { _ = append(term) }
        nodes[start].end = Int32(nodes.count)
    }

    private mutating func append(_ leaf: ConditionTree.Leaf) {
        var node = Node(kind: .test, end: Int32(nodes.count + 1))
        switch leaf {
        case .never(let unfed):
            // The reason is kept for the warning that the rule never matches.
            node.number = unfed.flatMap { FieldID.allCases.firstIndex(of: $0) }.map(Int64.init) ?? -1
        case .types(let mask): (node.test, node.number) = (.typeIn, Int64(bitPattern: mask))
        case .exists(let operand): (node.test, node.operand) = (.exists, operand)
        case .booleans(let operand, let bits): (node.test, node.operand, node.number) = (.booleanIn, operand, bits)
        case .number(let operand, let test, let number):
            (node.test, node.operand, node.number) = (test, operand, number)
        case .numbers(let operand, let numbers):
            if let only = numbers.first, numbers.count == 1 {
                (node.test, node.operand, node.number) = (.numberEqual, operand, only)
            } else {
                self.numbers.append(numbers)
                (node.test, node.operand, node.literal) = (.numberIn, operand, Int32(self.numbers.count - 1))
            }
        case .texts(let operand, let texts):
            node.operand = operand
            if let only = texts.first, Set(texts).count == 1 {
                (node.test, node.literal) = (.textEqual, intern(only))
            } else {
                sets.append(ByteSet(texts))
                setElements.append(texts)
                (node.test, node.literal) = (.textIn, Int32(sets.count - 1))
            }
        case .allTexts(let operand, let texts):
            sets.append(ByteSet(texts))
            setElements.append(texts)
            (node.test, node.operand, node.literal) = (.allIn, operand, Int32(sets.count - 1))
        case .literals(let operand, let direction, let texts):
            node.operand = operand
            if let only = texts.first, texts.count == 1, direction != .path {
                (node.test, node.literal) = (direction == .prefix ? .startswith : .endswith, intern(only))
            } else {
                tries.append(LiteralTrie(texts.map { Array($0.utf8) }, direction))
                (node.test, node.literal) = (.trie, Int32(tries.count - 1))
            }
        case .text(let operand, let test, let text):
            (node.test, node.operand, node.literal) = (test, operand, intern(text))
        case .pattern(let operand, let pattern):
            patterns.append(pattern)
            (node.test, node.operand, node.literal) = (.pattern, operand, Int32(patterns.count - 1))
        case .networks(let operand, let networks, let isNegated):
            self.networks.append(networks)
            (node.test, node.operand, node.literal) =
                (isNegated ? .notNetwork : .network, operand, Int32(self.networks.count - 1))
        case .operands(let left, let comparison, let right):
            (node.test, node.operand, node.literal) = (.operand, left, right)
            node.number = Int64(ValueComparison.all.firstIndex(of: comparison) ?? 0)
            node.needsAttribution = operands[Int(right)].needsAttribution
        }
        if node.test != .never, node.test != .typeIn, operands[Int(node.operand)].needsAttribution {
            node.needsAttribution = true
        }
        nodes.append(node)
    }

    private mutating func intern(_ text: String) -> Int32 {
        let start = literals.count
        literals.append(contentsOf: text.utf8)
        literalRanges.append(start..<literals.count)
        return Int32(literalRanges.count - 1)
    }
}
