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
        program.findings(at: rules[rule].root, depth: 0, event: event, attribution: attribution, into: &findings)
        return findings
    }
}

extension Program {
    /// More elements of a set than this are counted and not shown.
    private static let shownElements = 8

    fileprivate func findings(
        at position: Int, depth: Int, event: KernelEvent, attribution: Attribution,
        into findings: inout [ConditionFinding]
    ) {
        let node = nodes[position]
        var finding = ConditionFinding(
            depth: depth, text: "", value: nil,
            verdict: verdict(at: position, event: event, attribution: attribution))
        switch node.kind {
        case .all: finding.text = "all of"
        case .any: finding.text = "any of"
        case .not: finding.text = "not"
        case .test:
            finding.text = text(of: node)
            let value = FieldExtraction.value(
                of: node.field, index: Int(node.index), event: event, attribution: attribution)
            finding.value = value.printed(event)
        }
        findings.append(finding)
        guard node.kind != .test else { return }
        for child in children(of: position) {
            self.findings(at: child, depth: depth + 1, event: event, attribution: attribution, into: &findings)
        }
    }

    /// A comparison as a rule file would have it.
    private func text(of node: Node) -> String {
        let field = node.field.rawValue + (node.index >= 0 ? "[\(node.index)]" : "")
        switch node.test {
        case .typeIn:
            let mask = EventTypeMask(rawValue: UInt64(bitPattern: node.number)).intersection(.all)
            let names = EventType.allCases.filter { mask.contains(EventTypeMask($0)) }.map(\.name)
            return names.count == 1 ? "evt.type = \(names[0])" : "evt.type in \(Self.list(names))"
        case .exists: return "\(field) exists"
        case .booleanIn:
            switch node.number {
            case 1: return "\(field) = false"
            case 2: return "\(field) = true"
            default: return "\(field) in (true, false)"
            }
        case .numberEqual: return "\(field) = \(node.number)"
        case .numberNotEqual: return "\(field) != \(node.number)"
        case .numberLess: return "\(field) < \(node.number)"
        case .numberLessOrEqual: return "\(field) <= \(node.number)"
        case .numberGreater: return "\(field) > \(node.number)"
        case .numberGreaterOrEqual: return "\(field) >= \(node.number)"
        case .numberIn: return "\(field) in \(Self.list(numbers[Int(node.operand)].map(String.init)))"
        case .textIn: return "\(field) in \(Self.list(setElements[Int(node.operand)]))"
        case .pmatch: return "\(field) pmatch \(Self.list(setElements[Int(node.operand)]))"
        case .textEqual: return "\(field) = \(literal(node))"
        case .textNotEqual: return "\(field) != \(literal(node))"
        case .contains, .icontains, .startswith, .endswith, .glob, .iglob:
            return "\(field) \(node.test) \(literal(node))"
        }
    }

    private func literal(_ node: Node) -> String {
        var text = ""
        EscapedText.append(literals[literalRanges[Int(node.operand)]], to: &text)
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
