/// A list, `- list: name`, with the names of other lists still in it.
struct ListDefinition: Sendable {
    let name: ScalarText
    let items: [ScalarText]
    var place = Place()
}

/// A macro, `- macro: name`.
struct MacroDefinition: Sendable {
    let name: ScalarText
    let condition: Condition
    let text: ScalarText
    var place = Place()
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

    /// The list of that name, if it is defined before the item at `place`.
    func list(_ name: String, before place: Int) -> ListDefinition? {
        lists[name].flatMap { $0.place.first < place ? $0 : nil }
    }

    func macro(_ name: String, before place: Int) -> MacroDefinition? {
        macros[name].flatMap { $0.place.first < place ? $0 : nil }
    }

    /// The list's items, those of the lists that it names among them. Nil where a list comes back to itself or the result
    /// has more than `limit` items.
    func elements(of list: ListDefinition, limit: Int) -> [String]? {
        var elements: [String] = []
        return splice(list, depth: 0, limit: limit, into: &elements) ? elements : nil
    }

    private func splice(_ list: ListDefinition, depth: Int, limit: Int, into elements: inout [String]) -> Bool {
        if depth > 64 { return false }
        for item in list.items {
            if let inner = self.list(item.text, before: list.place.last) {
                guard splice(inner, depth: depth + 1, limit: limit, into: &elements) else { return false }
            } else {
                elements.append(item.text)
            }
            if elements.count > limit { return false }
        }
        return true
    }
}
