/// Parts of a condition that stand by themselves: in exceptions, outputs and lists.
extension ConditionParser {
    /// A field or a transformer and nothing else, as an exception's `fields` have it.
    static func operand(_ text: String) throws(ConditionSyntaxError) -> Condition.Operand {
        var parser = ConditionParser(text)
        let operand = try parser.operand()
        guard parser.scanner.isAtEnd else { throw parser.scanner.expected("the end of the field") }
        return operand
    }

    /// A transformer that begins at `offset` of a longer text, and where it ends.
    static func transformer(
        in text: String, at offset: Int
    ) throws(ConditionSyntaxError) -> (transformer: Condition.Operand, end: Int) {
        var parser = ConditionParser(text)
        parser.scanner.index = offset
        let operand = try parser.operand()
        return (operand, parser.scanner.index)
    }

    /// An operator, as an exception's `comps` have it: `startswith anyof`.
    static func comparison(
        _ text: String
    ) throws(ConditionSyntaxError) -> (Condition.Comparison, Condition.Modifier?) {
        var scanner = ConditionScanner(text)
        scanner.skipBlank()
        guard let comparison = scanner.comparison(), comparison != .exists else {
            throw scanner.expected("an operator")
        }
        scanner.skipBlank()
        let start = scanner.index
        let modifier = scanner.name().flatMap(Condition.Modifier.init(rawValue:))
        if modifier == nil { scanner.index = start }
        scanner.skipBlank()
        guard scanner.isAtEnd, modifier == nil || !comparison.takesList && !comparison.takesNumber else {
            throw scanner.expected("an operator and at most one of `oneof`, `anyof`, `allof`")
        }
        return (comparison, modifier)
    }

    /// The item of a list or a value of an exception, which Falco writes into the condition as it is: in quotes if it has a
    /// blank and none, else as what it says, `"(a)"`, `a, b` and `(a, b)` too.
    static func values(ofItem text: String) -> [Condition.Value] {
        let isQuoted = text.utf8.first == UInt8(ascii: "\"") || text.utf8.first == UInt8(ascii: "'")
        let verbatim = [Condition.Value(text: text, isQuoted: true, offset: 0)]
        if text.isEmpty || !isQuoted && text.utf8.contains(UInt8(ascii: " ")) && text.utf8.first != UInt8(ascii: "(") {
            return verbatim
        }
        if !isQuoted, !text.utf8.contains(where: { "()\"'=,".utf8.contains($0) }) {
            return [Condition.Value(text: text, isQuoted: false, offset: 0)]
        }
        var parser = ConditionParser("(" + text + ")")
        if text.utf8.first == UInt8(ascii: "(") { parser = ConditionParser(text) }
        guard let right = try? parser.listValue(), case .list(let values) = right, parser.scanner.isAtEnd else {
            return verbatim
        }
        return values.map { Condition.Value(text: $0.text, isQuoted: $0.isQuoted, offset: 0) }
    }
}
