internal import EventModel

extension ConditionCompiler {
    /// One comparison: the field must exist, the operator fit its type, the literals be values of it.
    mutating func emit(_ check: Condition.Check) {
        let reference: Condition.Field
        switch check.left {
        case .transformer(let transformer):
            fail(.unsupported, at: transformer.offset, "`\(transformer.name)()` is not supported yet")
            return
        case .field(let field):
            reference = field
        }
        guard let (description, index) = resolve(reference) else { return }
        guard supports(check.comparison, description, at: check.offset) else { return }
        guard let elements = elements(of: check.right) else { return }
        var node = Program.Node(kind: .test, end: 0)
        node.field = description.id
        node.needsAttribution = description.phase == .attribution
        node.index = Int32(index)
        if check.comparison == .exists {
            append(node)
            return
        }
        switch description.type {
        case .text: emitText(node, check.comparison, elements.map(\.text))
        case .number: emitNumber(node, check.comparison, elements, description)
        case .boolean: emitBoolean(node, check.comparison, elements, description)
        }
    }

    /// The field of that name and the number between its brackets, -1 for none; nil after an error.
    private mutating func resolve(_ field: Condition.Field) -> (FieldDescription, index: Int)? {
        guard let description = FieldCatalog.field(named: field.name) else {
            let hint = Suggestion.hint(for: field.name, among: FieldID.allCases.lazy.map(\.rawValue))
            fail(.unknownName, at: field.offset, "expected a field, found `\(field.name)`, which is not known" + hint)
            return nil
        }
        switch FieldIndex.read(field.argument, of: description) {
        case .success(let index): return (description, index)
        case .failure(let failure):
            fail(.structure, at: field.offset, failure.message)
            return nil
        }
    }

    private mutating func supports(
        _ comparison: Condition.Comparison, _ field: FieldDescription, at offset: Int
    ) -> Bool {
        switch comparison {
        case .regex, .bcontains, .bstartswith:
            fail(.unsupported, at: offset, "`\(comparison.rawValue)` is not supported yet")
            return false
        default: break
        }
        let isAllowed =
            switch comparison {
            case .exists, .equal, .notEqual, .isIn, .intersects: true
            case .less, .lessOrEqual, .greater, .greaterOrEqual: field.type == .number
            default: field.type == .text
            }
        if !isAllowed {
            fail(
                .type, at: offset,
                "expected an operator for a \(field.type.rawValue), `\(comparison.rawValue)` does not fit `\(field.name)`"
            )
        }
        return isAllowed
    }

    private mutating func emitText(_ node: Program.Node, _ comparison: Condition.Comparison, _ elements: [String]) {
        var node = node
        if node.field == .evtType, comparison == .equal || comparison == .notEqual || comparison == .isIn {
            emitType(node, elements, isNegated: comparison == .notEqual)
            return
        }
        let test: Program.Test =
            switch comparison {
            case .notEqual: .textNotEqual
            case .contains: .contains
            case .icontains: .icontains
            case .startswith: .startswith
            case .endswith: .endswith
            case .glob: .glob
            case .iglob: .iglob
            case .isIn, .intersects: .textIn
            case .pmatch: .pmatch
            default: .textEqual
            }
        node.test = test
        node.operand = test == .textIn || test == .pmatch ? intern(set: elements) : intern(elements.first ?? "")
        append(node)
    }

    /// Event types are few: a set of them is the bits of a number. A type that Falco knows and we do not simply never
    /// comes.
    private mutating func emitType(_ node: Program.Node, _ names: [String], isNegated: Bool) {
        var node = node
        node.test = .typeIn
        node.number = names.compactMap { EventType(name: $0) }.reduce(0) { $0 | 1 << Int64($1.rawValue) }
        if isNegated { node.number = ~node.number }
        append(node)
    }

    private mutating func emitNumber(
        _ node: Program.Node, _ comparison: Condition.Comparison, _ elements: [(text: String, offset: Int)],
        _ field: FieldDescription
    ) {
        var node = node
        var numbers: [Int64] = []
        for (text, offset) in elements {
            guard let number = Self.number(text) else {
                fail(.type, at: offset, "expected a whole number for `\(field.name)`, found `\(text)`")
                return
            }
            numbers.append(number)
        }
        node.test =
            switch comparison {
            case .notEqual: .numberNotEqual
            case .less: .numberLess
            case .lessOrEqual: .numberLessOrEqual
            case .greater: .numberGreater
            case .greaterOrEqual: .numberGreaterOrEqual
            case .isIn, .intersects: .numberIn
            default: .numberEqual
            }
        node.number = numbers.first ?? 0
        if node.test == .numberIn { node.operand = intern(numbers: numbers) }
        append(node)
    }

    private mutating func emitBoolean(
        _ node: Program.Node, _ comparison: Condition.Comparison, _ elements: [(text: String, offset: Int)],
        _ field: FieldDescription
    ) {
        var node = node
        node.test = .booleanIn
        for (text, offset) in elements {
            switch text {
            case "true": node.number |= 2
            case "false": node.number |= 1
            default:
                fail(.type, at: offset, "expected `true` or `false` for `\(field.name)`, found `\(text)`")
                return
            }
        }
        if comparison == .notEqual { node.number = ~node.number }
        append(node)
    }

    /// Decimal, or hexadecimal after `0x`; nil where it is none or does not fit.
    static func number(_ text: String) -> Int64? {
        let digits = text.lowercased()
        return digits.hasPrefix("0x") ? Int64(digits.dropFirst(2), radix: 16) : Int64(digits)
    }
}
