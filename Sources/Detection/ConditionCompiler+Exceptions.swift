extension ConditionCompiler {
    /// What is added to a rule's condition for one of its exceptions: `not (…)`; nil where it has no values.
    mutating func tree(of exception: ExceptionDefinition) -> ConditionTree? {
        switch exception.fields {
        case .scalar(let field): flat(exception, field)
        case .list(let fields, _): tuples(exception, fields)
        }
    }

    /// `field in (values)`.
    private mutating func flat(_ exception: ExceptionDefinition, _ field: ScalarText) -> ConditionTree? {
        guard case .scalar(let comparison) = exception.comparisons ?? .scalar(exception.name.replacing("in")) else {
            fail(exception.name, "expected one comparison for one field, as `comps: in`")
            return nil
        }
        var scalars: [ScalarText] = []
        for value in exception.values {
            guard case .scalar(let scalar) = value else {
                fail(exception.name, "expected a list of texts for `values`, since `fields` is one field")
                return nil
            }
            scalars.append(scalar)
        }
        guard let empty = check(field, comparison, .several([])) else { return nil }
        guard empty.check.comparison.takesList || empty.isModified else {
            fail(comparison, "expected `in`, `pmatch`, `intersects` or an operator with `oneof`, `anyof` or `allof`")
            return nil
        }
        guard let check = check(field, comparison, .several(scalars)) else { return nil }
        let tree = within(check.text) { $0.tree(check.check) }
        return scalars.isEmpty ? nil : .not(tree)
    }

    /// `(f1 = v1 and f2 = v2) or (…)`.
    private mutating func tuples(_ exception: ExceptionDefinition, _ fieldEntries: [ExceptionDefinition.Entry])
        -> ConditionTree?
    {
        let fields = fieldEntries.compactMap(\.scalar)
        var comparisons = [ScalarText](repeating: exception.name.replacing("="), count: fields.count)
        if let written = exception.comparisons {
            guard case .list(let entries, _) = written, entries.count == fields.count else {
                fail(exception.name, "expected as many `comps` as `fields`")
                return nil
            }
            comparisons = entries.compactMap(\.scalar)
        }
        guard fields.count == fieldEntries.count, comparisons.count == fields.count, !fields.isEmpty else {
            fail(exception.name, "expected a field, or a list of fields")
            return nil
        }
        var alternatives: [ConditionTree] = []
        for value in exception.values {
            guard case .list(let entries, _) = value, entries.count == fields.count else {
                fail(exception.name, "expected \(fields.count) values in each of `values`, one a field")
                return nil
            }
            var terms: [ConditionTree] = []
            for (number, entry) in entries.enumerated() {
                guard let check = check(fields[number], comparisons[number], entry.value) else { return nil }
                terms.append(within(check.text) { $0.tree(check.check) })
            }
            alternatives.append(.all(terms))
        }
        if exception.values.isEmpty {
            for (field, comparison) in zip(fields, comparisons) {
                guard let check = check(field, comparison, .several([])) else { return nil }
                _ = within(check.text) { $0.tree(check.check) }
            }
            return nil
        }
        return .not(.any(alternatives))
    }

    mutating func fail(_ scalar: ScalarText, _ message: String) {
        within(SourcedText(scalar)) { $0.fail(.structure, at: 0, message) }
    }

    private struct WrittenCheck {
        var text: SourcedText
        var check: Condition.Check
        var isModified: Bool
    }

    /// The check that a field, a comparison and values make, as if they were written one after the other.
    private mutating func check(
        _ field: ScalarText, _ comparison: ScalarText, _ value: ExceptionDefinition.Value
    ) -> WrittenCheck? {
        let scalars = value.scalars
        let text = SourcedText(first: field, others: [comparison] + scalars)
        var part = 0
        do throws(ConditionSyntaxError) {
            let left = try ConditionParser.operand(field.text)
            part = 1
            let (operation, modifier) = try ConditionParser.comparison(comparison.text)
            var values: [Condition.Value] = []
            for scalar in scalars {
                part += 1
                let offset = text.offset(ofPart: part)
                values += ConditionParser.values(ofItem: scalar.text).map {
                    Condition.Value(text: $0.text, isQuoted: $0.isQuoted, offset: $0.offset + offset)
                }
            }
            part = 1
            let right: Condition.RightSide
            if let modifier {
                right = .modified(modifier, values, offset: text.offset(ofPart: 1))
            } else if operation.takesList || scalars.isEmpty {
                right = .list(values)
            } else if let only = values.first, values.count == 1, case .one = value {
                right = .value(only)
            } else {
                part = 2
                throw ConditionSyntaxError(offset: 0, message: "`\(operation.rawValue)` takes one value, not a list")
            }
            let check = Condition.Check(
                left: left, comparison: operation, offset: text.offset(ofPart: 1), right: right)
            return WrittenCheck(text: text, check: check, isModified: modifier != nil)
        } catch {
            within(text) { $0.fail(.syntax, at: text.offset(ofPart: part) + error.offset, error.message) }
            return nil
        }
    }
}
