extension ConditionCompiler {
    typealias Element = (text: String, offset: Int)

    /// The literals of a list in parentheses, with the lists that it names spliced in.
    mutating func elements(_ values: [Condition.Value]) -> [Element] {
        var elements: [Element] = []
        for value in values {
            if !value.isQuoted, let list = definitions.lists[value.text] {
                elements += splice(list, offset: value.offset)
                continue
            }
            warnOfField(value)
            if !value.isQuoted, value.text.utf8.contains(UInt8(ascii: "_")),
                let near = Suggestion.nearest(to: value.text, among: definitions.lists.keys)
            {
                warn(
                    .unknownName, at: value.offset,
                    "`\(value.text)` is no list and taken as a text; did you mean `\(near)`?")
            }
            elements.append((value.text, value.offset))
        }
        return elements
    }

    /// A field on the right of an operator is a text, unless `val()` says otherwise.
    private mutating func warnOfField(_ value: Condition.Value) {
        guard !value.isQuoted, FieldCatalog.field(named: value.text) != nil else { return }
        warn(
            .structure, at: value.offset,
            "`\(value.text)` is taken as a text here; `val(\(value.text))` compares with the field")
    }

    private mutating func splice(_ list: ListDefinition, offset: Int) -> [Element] {
        usedLists.insert(list.name.text)
        guard let items = definitions.elements(of: list, limit: Self.maximumListItems, used: &usedLists) else {
            fail(.structure, at: offset, "list `\(list.name.text)` is too large, or comes back to itself")
            return []
        }
        return items.map { ($0, offset) }
    }

    /// What stands on the right of an operator, as literals; nil after an error, and for what is no literal.
    mutating func elements(of right: Condition.RightSide) -> [Element]? {
        switch right {
        case .none, .transformer, .field: return nil
        case .value(let value):
            if !value.isQuoted, definitions.lists[value.text] != nil {
                warn(
                    .structure, at: value.offset,
                    "`\(value.text)` is a list and taken as a text here; `in (\(value.text))` compares with its items")
            }
            warnOfField(value)
            return [(value.text, value.offset)]
        case .list(let values), .modified(_, let values, _): return elements(values)
        case .listName(let name, let offset):
            if let list = definitions.lists[name] { return splice(list, offset: offset) }
            if brokenNames.contains(name) { return nil }
            let hint = Suggestion.hint(for: name, among: definitions.lists.keys)
            fail(.unknownName, at: offset, "expected a list, found `\(name)`, which is not defined" + hint)
            return nil
        }
    }

    /// Decimal, or hexadecimal after `0x`; nil where it is none or does not fit.
    static func number(_ text: String) -> Int64? {
        let digits = text.lowercased()
        return digits.hasPrefix("0x") ? Int64(digits.dropFirst(2), radix: 16) : Int64(digits)
    }
}
