/// A list, `- list: name`, with the names of other lists still in it.
struct ListDefinition: Sendable {
    let name: ScalarText
    var items: [ScalarText]
    var place = Place()
}

/// A macro, `- macro: name`.
struct MacroDefinition: Sendable {
    let name: ScalarText
    var text: SourcedText
    var place = Place()
    /// Parsed once all files are read; nil where the text is no condition.
    var condition: Condition?
}

/// Where a definition stands among all items of all files. A later item of the same name replaces the earlier one but
/// keeps its first place: it is seen by whoever saw the one that it replaces, and sees what stands before itself.
struct Place: Sendable {
    var first = 0
    var last = 0
}

/// The lists and macros of all files, by name.
struct Definitions: Sendable {
    private(set) var lists: [String: ListDefinition] = [:]
    private(set) var macros: [String: MacroDefinition] = [:]

    mutating func define(_ list: ListDefinition, at index: Int) {
        var list = list
        list.place = Place(first: lists[list.name.text]?.place.first ?? index, last: index)
        lists[list.name.text] = list
    }

    mutating func define(_ macro: MacroDefinition, at index: Int) {
        var macro = macro
        macro.place = Place(first: macros[macro.name.text]?.place.first ?? index, last: index)
        macros[macro.name.text] = macro
    }

    /// False where there is no such list yet.
    mutating func append(_ list: ListDefinition, at index: Int) -> Bool {
        lists[list.name.text]?.items += list.items
        lists[list.name.text]?.place.last = index
        return lists[list.name.text] != nil
    }

    mutating func append(_ macro: MacroDefinition, at index: Int) -> Bool {
        macros[macro.name.text]?.text.append(macro.text)
        macros[macro.name.text]?.place.last = index
        return macros[macro.name.text] != nil
    }

    mutating func set(_ condition: Condition, ofMacro name: String) { macros[name]?.condition = condition }

    func macro(_ name: String, before place: Int) -> MacroDefinition? {
        macros[name].flatMap { $0.place.first < place ? $0 : nil }
    }

    /// The list's items, those of the lists that it names among them; a list sees those that are defined before itself.
    /// Nil where a list comes back to itself or the result has more than `limit` items.
    func elements(of list: ListDefinition, limit: Int, used: inout Set<String>) -> [String]? {
        var elements: [String] = []
        return splice(list, depth: 0, limit: limit, used: &used, into: &elements) ? elements : nil
    }

    private func splice(
        _ list: ListDefinition, depth: Int, limit: Int, used: inout Set<String>, into elements: inout [String]
    ) -> Bool {
        if depth > 64 { return false }
        for item in list.items {
            if let inner = lists[item.text], inner.place.first < list.place.last {
                used.insert(item.text)
                guard splice(inner, depth: depth + 1, limit: limit, used: &used, into: &elements) else { return false }
            } else {
                elements += ConditionParser.values(ofItem: item.text).map(\.text)
            }
            if elements.count > limit { return false }
        }
        return true
    }
}
