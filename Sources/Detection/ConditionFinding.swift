package import EventModel

/// What one part of a rule's condition says to an event, for people who ask why a rule matched.
package struct ConditionFinding: Sendable, Equatable {
    /// How deep it lies; 0 is the condition itself. Parts follow what they are parts of.
    package var depth: Int
    /// `all of`, `any of`, `not`, or a comparison as rules write it, lists and macros expanded.
    package var text: String
    /// Of a comparison: the field's value, escaped, `<NA>` where there is none.
    package var value: String?
    package var verdict: Verdict

    package init(depth: Int, text: String, value: String?, verdict: Verdict) {
        self.depth = depth
        self.text = text
        self.value = value
        self.verdict = verdict
    }
}

extension RuleSet {
    /// The condition of a rule, part by part, with what each says.
    package func findings(of rule: Int, event: KernelEvent, attribution: Attribution) -> [ConditionFinding] {
        var findings: [ConditionFinding] = []
        var store = ValueStore(count: program.operands.count)
        store.begin()
        program.findings(
            at: rules[rule].root, depth: 0, event: event, attribution: attribution, store: &store, into: &findings)
        return findings
    }
}

extension Program {
    /// More elements of a set than this are counted and not shown.
    private static let shownElements = 8

    fileprivate func findings(
        at position: Int, depth: Int, event: KernelEvent, attribution: Attribution, store: inout ValueStore,
        into findings: inout [ConditionFinding]
    ) {
        let node = nodes[position]
        var finding = ConditionFinding(
            depth: depth, text: "", value: nil,
            verdict: verdict(at: position, event: event, attribution: attribution, store: &store))
        switch node.kind {
        case .all: finding.text = "all of"
        case .any: finding.text = "any of"
        case .one: finding.text = "one value for all of"
        case .not: finding.text = "not"
        case .test:
            finding.text = text(of: node)
            finding.value =
                node.test == .typeIn
                ? event.type.name
                : node.test == .never
                    ? nil
                    : FieldValue(
                        value(of: Int(node.operand), event: event, attribution: attribution, store: &store), in: store
                    ).printed(event)
        }
        findings.append(finding)
        guard node.kind != .test else { return }
        for child in children(of: position) {
            self.findings(
                at: child, depth: depth + 1, event: event, attribution: attribution, store: &store, into: &findings)
        }
    }

    /// A comparison as a rule file would have it.
    private func text(of node: Node) -> String {
        switch node.test {
        case .never:
            return node.number >= 0 ? "\(FieldID.allCases[Int(node.number)].rawValue), which no source tells" : "never"
        case .typeIn:
            let mask = EventTypeMask(rawValue: UInt64(bitPattern: node.number)).intersection(.all)
            let names = EventType.allCases.filter { mask.contains(EventTypeMask($0)) }.map(\.name)
            return names.count == 1 ? "evt.type = \(names[0])" : "evt.type in \(Self.list(names))"
        default: break
        }
        let operand = text(ofOperand: node.operand)
        switch node.test {
        case .never, .typeIn: return operand
        case .exists: return "\(operand) exists"
        case .booleanIn:
            switch node.number {
            case 1: return "\(operand) = false"
            case 2: return "\(operand) = true"
            default: return "\(operand) in (true, false)"
            }
        case .numberEqual: return "\(operand) = \(node.number)"
        case .numberNotEqual: return "\(operand) != \(node.number)"
        case .numberLess: return "\(operand) < \(node.number)"
        case .numberLessOrEqual: return "\(operand) <= \(node.number)"
        case .numberGreater: return "\(operand) > \(node.number)"
        case .numberGreaterOrEqual: return "\(operand) >= \(node.number)"
        case .numberIn: return "\(operand) in \(Self.list(numbers[Int(node.literal)].sorted().map(String.init)))"
        case .textIn, .allIn: return "\(operand) in \(Self.list(setElements[Int(node.literal)]))"
        case .trie: return "\(operand) \(tries[Int(node.literal)].description)"
        case .pattern: return "\(operand) regex \(EscapedText.escaped(patterns[Int(node.literal)].source))"
        case .network, .notNetwork:
            let sign = node.test == .network ? "in" : "not in"
            return "\(operand) \(sign) \(Self.list(networks[Int(node.literal)].map(\.description)))"
        case .operand:
            return "\(operand) \(ValueComparison.all[Int(node.number)]) \(text(ofOperand: node.literal))"
        case .textEqual: return "\(operand) = \(literal(node))"
        case .textNotEqual: return "\(operand) != \(literal(node))"
        case .contains, .icontains, .startswith, .endswith, .glob, .iglob, .pathGlob:
            return "\(operand) \(node.test) \(literal(node))"
        }
    }

    private func text(ofOperand index: Int32) -> String {
        switch operands[Int(index)].source {
        case .field(let reference):
            return reference.id.rawValue + (reference.index >= 0 ? "[\(reference.index)]" : "")
        case .words(let field): return field.rawValue
        case .literal(let text): return EscapedText.escaped(text)
        case .list(let elements): return "(" + elements.map { text(ofOperand: $0) }.joined(separator: ", ") + ")"
        case .function(let function, let arguments):
            return "\(function)(" + arguments.map { text(ofOperand: $0) }.joined(separator: ", ") + ")"
        }
    }

    private func literal(_ node: Node) -> String {
        var text = ""
        EscapedText.append(literals[literalRanges[Int(node.literal)]], to: &text)
        return text
    }

    private static func list(_ elements: [String]) -> String {
        let shown = elements.prefix(shownElements).map(EscapedText.escaped)
        let rest = elements.count - shown.count
        return "(" + shown.joined(separator: ", ") + (rest > 0 ? ", and \(rest) more" : "") + ")"
    }
}

extension FieldValue {
    /// As an output shows it: escaped, `<NA>` where there is none.
    package func printed(_ event: KernelEvent) -> String {
        switch self {
        case .missing, .unknown: return "<NA>"
        case .number(let number): return String(number)
        case .boolean(let boolean): return boolean ? "true" : "false"
        case .eventText(let offset, let count):
            var text = ""
            EscapedText.append(event.text[offset..<(offset + count)], to: &text)
            return text
        case .text(let string): return EscapedText.escaped(string)
        case .texts(let strings): return EscapedText.escaped(strings.joined(separator: ", "))
        }
    }
}
