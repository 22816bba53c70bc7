internal import EventModel

/// Three-valued truth (Kleene's): what is not known yet is neither.
package enum Verdict: Sendable {
    case no, unknown, yes
}

/// The conditions of all rules, macros and lists expanded, as one flat array: a node, then its children, each as long as
/// its own subtree. Evaluation follows indices and allocates nothing for fields that the event alone answers.
struct Program: Sendable {
    enum Test: UInt8, Sendable {
        /// `number` is a mask of event types.
        case typeIn
        case exists
        /// `number`: bit 0 stands for false, bit 1 for true.
        case booleanIn
        case numberEqual, numberNotEqual, numberLess, numberLessOrEqual, numberGreater, numberGreaterOrEqual
        /// `operand` is an index into `numbers`.
        case numberIn
        /// `operand` is an index into `literalRanges`.
        case textEqual, textNotEqual, contains, icontains, startswith, endswith, glob, iglob
        /// `operand` is an index into `sets`.
        case textIn, pmatch
    }

    enum Kind: UInt8, Sendable {
        case all, any, not, test
    }

    struct Node: Sendable, BitwiseCopyable {
        var kind: Kind
        /// The node after this one's subtree.
        var end: Int32
        var test: Test = .exists
        var field: FieldID = .evtType
        var needsAttribution = false
        /// The number in `proc.aname[N]`, -1 for none.
        var index: Int32 = -1
        var operand: Int32 = 0
        var number: Int64 = 0
    }

    var nodes: [Node] = []
    /// The bytes of all single texts, one after the other: a span of an array's own element would not outlive it.
    var literals: [UInt8] = []
    var literalRanges: [Range<Int>] = []
    var sets: [ByteSet] = []
    var numbers: [[Int64]] = []
    /// What the sets were made from, for the plans.
    var setElements: [[String]] = []

    /// - Parameter attribution: nil in the first phase, where its fields are unknown.
    func verdict(at position: Int, event: KernelEvent, attribution: Attribution?) -> Verdict {
        let node = nodes[position]
        switch node.kind {
        case .test:
            if node.needsAttribution, attribution == nil { return .unknown }
            return verdict(of: node, event: event, attribution: attribution)
        case .not:
            return switch verdict(at: position + 1, event: event, attribution: attribution) {
            case .yes: .no
            case .no: .yes
            case .unknown: .unknown
            }
        case .all, .any:
            let decisive: Verdict = node.kind == .all ? .no : .yes
            var result: Verdict = node.kind == .all ? .yes : .no
            var child = position + 1
            while child < Int(node.end) {
                let verdict = verdict(at: child, event: event, attribution: attribution)
                if verdict == decisive { return decisive }
                if verdict == .unknown { result = .unknown }
                child = Int(nodes[child].end)
            }
            return result
        }
    }

    private func verdict(of node: Node, event: KernelEvent, attribution: Attribution?) -> Verdict {
        if node.test == .typeIn {
            return node.number & (1 << Int64(event.type.rawValue)) != 0 ? .yes : .no
        }
        let value = FieldExtraction.value(
            of: node.field, index: Int(node.index), event: event, attribution: attribution)
        let isTrue: Bool
        switch value {
        case .missing: return .no
        case .unknown: return .unknown
        case .number(let number): isTrue = node.test == .exists || holds(node, number)
        case .boolean(let boolean): isTrue = node.test == .exists || node.number & (boolean ? 2 : 1) != 0
        case .eventText(let offset, let count):
            isTrue = holds(node, event.text.span.extracting(offset..<(offset + count)))
        case .text(let text):
            isTrue = holds(node, text.utf8Span.span)
        case .texts(let texts):
            isTrue = texts.contains { holds(node, $0.utf8Span.span) }
        }
        return isTrue ? .yes : .no
    }

    private func holds(_ node: Node, _ number: Int64) -> Bool {
        switch node.test {
        case .numberEqual: number == node.number
        case .numberNotEqual: number != node.number
        case .numberLess: number < node.number
        case .numberLessOrEqual: number <= node.number
        case .numberGreater: number > node.number
        case .numberGreaterOrEqual: number >= node.number
        case .numberIn: numbers[Int(node.operand)].contains(number)
        default: false
        }
    }

    private func holds(_ node: Node, _ text: Span<UInt8>) -> Bool {
        switch node.test {
        case .exists: return true
        case .textIn: return sets[Int(node.operand)].contains(text)
        case .pmatch: return sets[Int(node.operand)].containsPrefix(ofPath: text)
        case .typeIn, .booleanIn, .numberEqual, .numberNotEqual, .numberLess, .numberLessOrEqual, .numberGreater,
            .numberGreaterOrEqual, .numberIn:
            return false
        default: break
        }
        let literal = literals.span.extracting(literalRanges[Int(node.operand)])
        return switch node.test {
        case .textEqual: ByteText.isEqual(text, literal)
        case .textNotEqual: !ByteText.isEqual(text, literal)
        case .contains: ByteText.contains(text, literal, ignoringCase: false)
        case .icontains: ByteText.contains(text, literal, ignoringCase: true)
        case .startswith: ByteText.hasPrefix(text, literal)
        case .endswith: ByteText.hasSuffix(text, literal)
        case .glob: ByteText.matches(text, glob: literal, ignoringCase: false)
        case .iglob: ByteText.matches(text, glob: literal, ignoringCase: true)
        default: false
        }
    }
}
