extension ConditionParser {
    /// A field or a transformer.
    mutating func operand() throws(ConditionSyntaxError) -> Condition.Operand {
        let offset = scanner.index
        guard let name = scanner.name() else { throw scanner.expected("a field") }
        if Condition.transformerNames.contains(name), scanner.take("(") {
            return .transformer(try transformerTail(name: name, offset: offset))
        }
        guard scanner.take(".") else {
            throw ConditionSyntaxError(offset: offset, message: "expected a field or a transformer")
        }
        return .field(try fieldTail(name: name, offset: offset))
    }

    /// A transformer after its opening parenthesis.
    mutating func transformerTail(
        name: String, offset: Int
    ) throws(ConditionSyntaxError) -> Condition.Transformer {
        let arguments = try transformerArguments()
        return Condition.Transformer(name: name, arguments: arguments, index: try bracketed(), offset: offset)
    }

    private mutating func transformerArguments() throws(ConditionSyntaxError) -> [Condition.Transformer.Argument] {
        try enter()
        defer { depth -= 1 }
        var arguments: [Condition.Transformer.Argument] = []
        scanner.skipBlank()
        if scanner.take(")") { return arguments }
        while true {
            scanner.skipBlank()
            arguments.append(try transformerArgument())
            scanner.skipBlank()
            if scanner.take(")") { return arguments }
            guard scanner.take(",") else { throw scanner.expected("`,` or `)`") }
        }
    }

    private mutating func transformerArgument() throws(ConditionSyntaxError) -> Condition.Transformer.Argument {
        if scanner.take("(") { return .list(try transformerArguments()) }
        if let text = try scanner.quoted() { return .text(text) }
        let offset = scanner.index
        if let name = scanner.name() {
            if Condition.transformerNames.contains(name), scanner.take("(") {
                return .operand(.transformer(try transformerTail(name: name, offset: offset)))
            }
            guard scanner.take(".") else {
                throw ConditionSyntaxError(offset: offset, message: "expected a field, a transformer or a value")
            }
            return .operand(.field(try fieldTail(name: name, offset: offset)))
        }
        guard let number = scanner.number() else { throw scanner.expected("a field, a transformer or a value") }
        return .text(number.text)
    }
}
