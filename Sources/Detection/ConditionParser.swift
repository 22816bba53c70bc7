/// Reads Falco's condition grammar (falco, libsinsp `filter/parser.h`) into a `Condition`.
///
/// There are no tokens apart from their place: what may follow decides how bytes are read, as in Falco's own parser. Any
/// input ends in a condition or an error; nesting is bounded, since each level is a stack frame.
package struct ConditionParser {
    /// Levels of parentheses and of nested transformers.
    package static let maximumDepth = 200

    var scanner: ConditionScanner
    var depth = 0

    init(_ text: String) {
        scanner = ConditionScanner(text)
    }

    package static func parse(_ text: String) throws(ConditionSyntaxError) -> Condition {
        var parser = ConditionParser(text)
        parser.scanner.skipBlank()
        let condition = try parser.disjunction()
        parser.scanner.skipBlank()
        guard parser.scanner.isAtEnd else {
            throw parser.scanner.expected("`and`, `or` or the end of the condition")
        }
        return condition
    }

    mutating func enter() throws(ConditionSyntaxError) {
        depth += 1
        if depth > Self.maximumDepth {
            throw ConditionSyntaxError(
                offset: scanner.index, message: "nested deeper than \(Self.maximumDepth) levels")
        }
    }

    private mutating func disjunction() throws(ConditionSyntaxError) -> Condition {
        try enter()
        defer { depth -= 1 }
        var terms = [try conjunction()]
        while scanner.takeJoiner("or") { terms.append(try conjunction()) }
        return terms.count == 1 ? terms[0] : .or(terms)
    }

    private mutating func conjunction() throws(ConditionSyntaxError) -> Condition {
        var terms = [try negation()]
        while scanner.takeJoiner("and") { terms.append(try negation()) }
        return terms.count == 1 ? terms[0] : .and(terms)
    }

    /// Any number of `not`: each turns the meaning round.
    private mutating func negation() throws(ConditionSyntaxError) -> Condition {
        var isNegated = false
        while scanner.takeJoiner("not") { isNegated.toggle() }
        let condition = try check()
        return isNegated ? .not(condition) : condition
    }

    private mutating func check() throws(ConditionSyntaxError) -> Condition {
        scanner.skipBlank()
        let offset = scanner.index
        if scanner.take("(") {
            let condition = try disjunction()
            scanner.skipBlank()
            guard scanner.take(")") else { throw scanner.expected("`and`, `or` or `)`") }
            return condition
        }
        guard let name = scanner.name() else { throw scanner.expected("a field, a macro, `not` or `(`") }
        if Condition.transformerNames.contains(name), scanner.take("(") {
            let transformer = try transformerTail(name: name, offset: offset)
            return .check(try comparison(of: .transformer(transformer)))
        }
        guard scanner.take(".") else {
            if scanner.peek("("), let near = Suggestion.nearest(to: name, among: Condition.transformerNames) {
                throw ConditionSyntaxError(
                    offset: offset, message: "expected a transformer, found `\(name)`; did you mean `\(near)`?")
            }
            if ["and", "or", "not"].contains(name) {
                throw ConditionSyntaxError(offset: offset, message: "expected a field, a macro, `not` or `(`")
            }
            return .macro(name: name, offset: offset)
        }
        return .check(try comparison(of: .field(try fieldTail(name: name, offset: offset))))
    }

    /// The rest of a field after its first dot.
    mutating func fieldTail(name: String, offset: Int) throws(ConditionSyntaxError) -> Condition.Field {
        var name = name
        repeat {
            guard let part = scanner.name() else { throw scanner.expected("the rest of the field's name") }
            name += "." + part
        } while scanner.take(".")
        return Condition.Field(name: name, argument: try bracketed(), offset: offset)
    }

    mutating func bracketed() throws(ConditionSyntaxError) -> String? {
        guard scanner.take("[") else { return nil }
        guard let argument = try scanner.quoted() ?? scanner.bareArgument() else {
            throw scanner.expected("the field's argument")
        }
        guard scanner.take("]") else { throw scanner.expected("`]`") }
        return argument
    }

    private mutating func comparison(of left: Condition.Operand) throws(ConditionSyntaxError) -> Condition.Check {
        scanner.skipBlank()
        let offset = scanner.index
        guard let comparison = scanner.comparison() else { throw unknownOperator() }
        scanner.skipBlank()
        let right: Condition.RightSide
        if comparison == .exists {
            right = .none
        } else if let computed = try computedRightSide() {
            right = computed
        } else if comparison.takesList {
            right = try listValue()
        } else if comparison.takesNumber {
            guard let value = scanner.number() else { throw scanner.expected("a number") }
            right = .value(value)
        } else if let modifier = scanner.modifier() {
            let offset = scanner.index
            let values =
                switch try listValue() {
                case .list(let values): values
                case .listName(let name, let offset): [Condition.Value(text: name, isQuoted: false, offset: offset)]
                default: [Condition.Value]()
                }
            right = .modified(modifier, values, offset: offset)
        } else {
            guard let value = try scanner.value() else { throw scanner.expected("a value") }
            right = .value(value)
        }
        return Condition.Check(left: left, comparison: comparison, offset: offset, right: right)
    }

    private mutating func unknownOperator() -> ConditionSyntaxError {
        let error = scanner.expected("an operator")
        guard let word = scanner.name() else { return error }
        let hint = Suggestion.hint(for: word, among: Condition.Comparison.allCases.map(\.rawValue))
        return ConditionSyntaxError(offset: error.offset, message: "expected an operator, found `\(word)`" + hint)
    }

    /// `val(field)` or a transformer; nil for anything else.
    private mutating func computedRightSide() throws(ConditionSyntaxError) -> Condition.RightSide? {
        let offset = scanner.index
        guard let name = scanner.name(), scanner.peek("(") else {
            scanner.index = offset
            return nil
        }
        if name == "val" {
            _ = scanner.take("(")
            scanner.skipBlank()
            let start = scanner.index
            guard let first = scanner.name(), scanner.take(".") else { throw scanner.expected("a field") }
            let field = try fieldTail(name: first, offset: start)
            scanner.skipBlank()
            guard scanner.take(")") else { throw scanner.expected("`)`") }
            return .field(field, offset: offset)
        }
        guard Condition.transformerNames.contains(name) else {
            scanner.index = offset
            return nil
        }
        _ = scanner.take("(")
        return .transformer(try transformerTail(name: name, offset: offset))
    }

    mutating func listValue() throws(ConditionSyntaxError) -> Condition.RightSide {
        let offset = scanner.index
        guard scanner.take("(") else {
            guard let name = scanner.name() else { throw scanner.expected("a list in parentheses or a list's name") }
            return .listName(name, offset: offset)
        }
        var values: [Condition.Value] = []
        scanner.skipBlank()
        if scanner.take(")") { return .list(values) }
        while true {
            scanner.skipBlank()
            guard let value = try scanner.value() else { throw scanner.expected("a value") }
            values.append(value)
            scanner.skipBlank()
            if scanner.take(")") { return .list(values) }
            guard scanner.take(",") else { throw scanner.expected("`,` or `)`") }
        }
    }
}
