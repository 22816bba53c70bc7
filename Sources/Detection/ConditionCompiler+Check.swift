internal import EventModel

extension ConditionCompiler {
    private static let never = ConditionTree.leaf(.never(unfed: nil))

    /// One comparison: the field must exist, the operator fit its type, the literals be values of it.
    mutating func tree(_ check: Condition.Check) -> ConditionTree {
        guard let number = operand(check.left) else { return Self.never }
        let operand = program.operands[Int(number)]
        guard supports(check, operand) else { return Self.never }
        if let unfed = operand.unfed { note(unfed: unfed, in: check.left) }
        if operand.field == .evtDir {
            warn(.deprecated, at: check.left.offset, "`evt.dir` is deprecated: it is always `<`")
        }
        let tree =
            switch check.right {
            case .none: ConditionTree.leaf(.exists(number))
            case .transformer(let transformer): compare(number, check, with: .transformer(transformer))
            case .field(let field, _): compare(number, check, with: .field(field))
            default: compareLiterals(number, operand, check)
            }
        if let unfed = operand.unfed { return .leaf(.never(unfed: unfed)) }
        return tree
    }

    private func describe(_ operand: Operand) -> String {
        let name = operand.field?.rawValue ?? "the transformer's value"
        return operand.field == nil ? name : "`\(name)`"
    }

    private mutating func supports(_ check: Condition.Check, _ operand: Operand) -> Bool {
        let comparison = check.comparison
        let isAllowed =
            switch comparison {
            case .exists, .isIn, .intersects: true
            case _ where operand.kind.isList: false
            case .equal, .notEqual: true
            case .less, .lessOrEqual, .greater, .greaterOrEqual: operand.kind.type == .number
            case .bcontains, .bstartswith: operand.kind.type == .buffer
            case .contains, .startswith, .endswith: operand.kind.type == .text || operand.kind.type == .buffer
            case .icontains, .glob, .iglob, .regex, .pmatch: operand.kind.type == .text
            }
        if isAllowed { return true }
        let kind = operand.kind.isList ? "list" : operand.kind.type.rawValue
        fail(
            .type, at: check.offset,
            "expected an operator for the type \(kind), `\(comparison.rawValue)` does not fit \(describe(operand))")
        return false
    }

    /// `val()` or a transformer on the right.
    private mutating func compare(
        _ left: Int32, _ check: Condition.Check, with right: Condition.Operand
    ) -> ConditionTree {
        guard let number = operand(right) else { return Self.never }
        guard ValueComparison.operators.contains(check.comparison) else {
            fail(
                .type, at: right.offset, "`\(check.comparison.rawValue)` takes no field and no transformer on its right"
            )
            return Self.never
        }
        let operands = (left: program.operands[Int(left)], right: program.operands[Int(number)])
        for operand in [operands.left, operands.right] {
            guard let field = operand.field, Self.ancestors.contains(field) || operand.kind.type == .network else {
                continue
            }
            fail(.type, at: right.offset, "`\(field.rawValue)` is compared with literals only")
            return Self.never
        }
        guard operands.left.kind == operands.right.kind else {
            fail(
                .type, at: right.offset,
                "\(describe(operands.left)) is a \(operands.left.kind), \(describe(operands.right)) a \(operands.right.kind)"
            )
            return Self.never
        }
        if let unfed = operands.right.unfed {
            note(unfed: unfed, in: right)
            return .leaf(.never(unfed: unfed))
        }
        return .leaf(.operands(left, check.comparison, number))
    }

    private mutating func compareLiterals(
        _ number: Int32, _ operand: Operand, _ check: Condition.Check
    ) -> ConditionTree {
        guard let elements = elements(of: check.right) else { return Self.never }
        guard case .modified(let modifier, _, _) = check.right else {
            return leaf(number, operand, check.comparison, elements)
        }
        if elements.isEmpty { return Self.never }
        let trees = elements.map { leaf(number, operand, check.comparison, [$0]) }
        return switch modifier {
        case .anyof: .any(trees)
        case .allof: .all(trees)
        case .oneof: .one(trees)
        }
    }

    private mutating func leaf(
        _ number: Int32, _ operand: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        switch operand.kind.type {
        case .text where operand.field == .evtType && [.equal, .notEqual, .isIn, .intersects].contains(comparison):
            return types(elements, isNegated: comparison == .notEqual)
        case .text: return texts(number, operand, comparison, elements)
        case .number: return numbers(number, operand, comparison, elements)
        case .boolean: return booleans(number, operand, comparison, elements)
        case .buffer:
            checkHexadecimal(comparison, elements)
            return texts(number, operand, comparison, elements)
        case .address, .network:
            return addresses(number, operand, comparison, elements)
        }
    }

    private mutating func texts(
        _ number: Int32, _ operand: Operand, _ comparison: Condition.Comparison, _ elements: [Element]
    ) -> ConditionTree {
        let texts = elements.map(\.text)
        let first = texts.first ?? ""
        switch comparison {
        case .equal: return .leaf(.texts(number, [first]))
        case .isIn where operand.kind.isList: return .leaf(.allTexts(number, texts))
        case .isIn, .intersects: return .leaf(.texts(number, texts))
        case .startswith: return .leaf(.literals(number, .prefix, [first]))
        case .endswith: return .leaf(.literals(number, .suffix, [first]))
        case .pmatch: return paths(number, texts)
        case .notEqual: return .leaf(.text(number, .textNotEqual, first))
        case .contains: return .leaf(.text(number, .contains, first))
        case .icontains: return .leaf(.text(number, .icontains, first))
        case .glob: return .leaf(.text(number, .glob, first))
        case .iglob: return .leaf(.text(number, .iglob, first))
        case .regex: return pattern(number, elements)
        default: return Self.never
        }
    }

    /// Components with wildcards are matched one by one, the others all at once.
    private func paths(_ number: Int32, _ texts: [String]) -> ConditionTree {
        let isGlob = { (text: String) in text.utf8.contains { "?*[".utf8.contains($0) } }
        let literals = ConditionTree.leaf(.literals(number, .path, texts.filter { !isGlob($0) }))
        let globs = texts.filter(isGlob).map { ConditionTree.leaf(.text(number, .pathGlob, $0)) }
        return globs.isEmpty ? literals : .any([literals] + globs)
    }

    private mutating func pattern(_ number: Int32, _ elements: [Element]) -> ConditionTree {
        guard let (text, offset) = elements.first else { return Self.never }
        if let known = patterns[text] { return .leaf(.pattern(number, known)) }
        guard patternStates <= Self.maximumPatternStates else { return Self.never }
        do {
            let pattern = try BytePattern(text)
            patternStates += pattern.states
            if patternStates > Self.maximumPatternStates {
                fail(.structure, at: offset, "the regular expressions are too many or too large")
            }
            patterns[text] = pattern
            return .leaf(.pattern(number, pattern))
        } catch {
            fail(.syntax, at: offset, "the regular expression, at its byte \(error.offset + 1): \(error.message)")
            return Self.never
        }
    }

    /// Event types are few: a set of them is the bits of a number. A type that Falco knows and we do not simply never
    /// comes.
    private mutating func types(_ names: [Element], isNegated: Bool) -> ConditionTree {
        var mask: UInt64 = 0
        for (name, offset) in names {
            if let type = EventType(name: name) {
                mask |= 1 << UInt64(type.rawValue)
            } else if FalcoNames.eventTypes.contains(name) {
                foreignTypes.insert(name)
            } else {
                foreignTypes.insert(name)
                let known = FalcoNames.eventTypes.union(EventType.allCases.map(\.name))
                let hint = Suggestion.hint(for: name, among: known)
                warn(.unknownName, at: offset, "`\(name)` is no event type and never comes" + hint)
            }
        }
        return .leaf(.types(isNegated ? ~mask : mask))
    }
}

extension Condition.Operand {
    var offset: Int {
        switch self {
        case .field(let field): field.offset
        case .transformer(let transformer): transformer.offset
        }
    }
}

extension Operand.Kind: CustomStringConvertible {
    var description: String { isList ? "list of \(type.rawValue)s" : type.rawValue }
}
