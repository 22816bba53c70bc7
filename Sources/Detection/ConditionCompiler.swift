internal import EventModel

/// Turns conditions into nodes of a `Program`: expands macros and lists, knows the fields and their types. An error does
/// not end the work, so that a file's errors are told together; what it stands in is then not to be evaluated.
struct ConditionCompiler {
    /// Nodes of one rule: macros that name one another twice double at each step.
    static let maximumNodes = 20_000
    /// Levels of `and`, `or` and `not` after macros are expanded; each is a stack frame at evaluation.
    static let maximumDepth = 300
    static let maximumListItems = 100_000

    let definitions: Definitions
    private(set) var program = Program()
    private(set) var errors: [RuleError] = []
    private(set) var warnings: [RuleError] = []
    private var knownErrors: Set<RuleError> = []

    /// What is being compiled: the text for positions, and the place up to which definitions are seen.
    private var text: ScalarText?
    private var place = 0
    private var depth = 0
    private var firstNode = 0
    private var hasTooManyNodes = false

    init(definitions: Definitions) {
        self.definitions = definitions
    }

    /// The index of the condition's first node.
    mutating func compile(_ condition: Condition, text: ScalarText, place: Int) -> Int {
        self.text = text
        self.place = place
        depth = 0
        hasTooManyNodes = false
        firstNode = program.nodes.count
        emit(condition)
        return firstNode
    }

    /// Looks for errors only.
    mutating func check(_ condition: Condition, text: ScalarText, place: Int) {
        let before = program
        _ = compile(condition, text: text, place: place)
        program = before
    }

    mutating func fail(_ kind: RuleError.Kind, at offset: Int, _ message: String) {
        guard let text else { return }
        let error = RuleError(kind, in: text.source, at: text.position(at: offset), message)
        if knownErrors.insert(error).inserted { errors.append(error) }
    }

    private mutating func warn(at offset: Int, _ message: String) {
        guard let text else { return }
        let warning = RuleError(.unknownName, in: text.source, at: text.position(at: offset), message)
        if knownErrors.insert(warning).inserted { warnings.append(warning) }
    }

    private mutating func emit(_ condition: Condition) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth, program.nodes.count - firstNode < Self.maximumNodes else {
            if !hasTooManyNodes {
                hasTooManyNodes = true
                fail(.structure, at: 0, "too large after its macros are expanded, or a macro comes back to itself")
            }
            return
        }
        switch condition {
        case .and(let children): emit(.all, children)
        case .or(let children): emit(.any, children)
        case .not(let child): emit(.not, [child])
        case .macro(let name, let offset): emitMacro(name, offset)
        case .check(let check): emit(check)
        }
    }

    private mutating func emit(_ kind: Program.Kind, _ children: [Condition]) {
        let start = program.nodes.count
        program.nodes.append(Program.Node(kind: kind, end: 0))
        for child in children where !hasTooManyNodes { emit(child) }
        program.nodes[start].end = Int32(program.nodes.count)
    }

    private mutating func emitMacro(_ name: String, _ offset: Int) {
        guard let macro = definitions.macro(name, before: place) else {
            if definitions.macros[name] != nil {
                fail(.unknownName, at: offset, "macro `\(name)` is defined only after it is used")
            } else {
                let hint = Suggestion.hint(for: name, among: definitions.macros.keys)
                fail(.unknownName, at: offset, "expected a macro, found `\(name)`, which is not defined" + hint)
            }
            return
        }
        let outer = (text, place)
        (text, place) = (macro.text, macro.place.last)
        emit(macro.condition)
        (text, place) = outer
    }

    /// The literals of a list in parentheses, with the lists that it names spliced in.
    mutating func elements(_ values: [Condition.Value]) -> [(text: String, offset: Int)] {
        var elements: [(text: String, offset: Int)] = []
        for value in values {
            if !value.isQuoted, let list = definitions.list(value.text, before: place) {
                elements += splice(list, offset: value.offset)
                continue
            }
            if !value.isQuoted, value.text.utf8.contains(UInt8(ascii: "_")),
                let near = Suggestion.nearest(to: value.text, among: definitions.lists.keys)
            {
                warn(at: value.offset, "`\(value.text)` is no list and taken as a text; did you mean `\(near)`?")
            }
            elements.append((value.text, value.offset))
        }
        return elements
    }

    private mutating func splice(_ list: ListDefinition, offset: Int) -> [(text: String, offset: Int)] {
        guard let items = definitions.elements(of: list, limit: Self.maximumListItems) else {
            fail(.structure, at: offset, "list `\(list.name.text)` is too large, or comes back to itself")
            return []
        }
        return items.map { ($0, offset) }
    }

    /// What stands on the right of an operator, as literals; nil after an error.
    mutating func elements(of right: Condition.RightSide) -> [(text: String, offset: Int)]? {
        switch right {
        case .none: return []
        case .value(let value): return [(value.text, value.offset)]
        case .list(let values): return elements(values)
        case .listName(let name, let offset):
            if let list = definitions.list(name, before: place) { return splice(list, offset: offset) }
            let hint = Suggestion.hint(for: name, among: definitions.lists.keys)
            fail(.unknownName, at: offset, "expected a list, found `\(name)`, which is not defined" + hint)
        case .modified(let modifier, _, let offset):
            fail(.unsupported, at: offset, "`\(modifier.rawValue)` is not supported yet")
        case .transformer(let transformer):
            fail(.unsupported, at: transformer.offset, "`\(transformer.name)()` is not supported yet")
        case .field(_, let offset):
            fail(.unsupported, at: offset, "`val()` is not supported yet")
        }
        return nil
    }

    mutating func append(_ node: Program.Node) {
        var node = node
        node.end = Int32(program.nodes.count + 1)
        program.nodes.append(node)
    }

    /// The index of `text` among the program's texts.
    mutating func intern(_ text: String) -> Int32 {
        let start = program.literals.count
        program.literals.append(contentsOf: text.utf8)
        program.literalRanges.append(start..<program.literals.count)
        return Int32(program.literalRanges.count - 1)
    }

    mutating func intern(set elements: [String]) -> Int32 {
        program.sets.append(ByteSet(elements))
        program.setElements.append(elements)
        return Int32(program.sets.count - 1)
    }

    mutating func intern(numbers: [Int64]) -> Int32 {
        program.numbers.append(numbers)
        return Int32(program.numbers.count - 1)
    }
}
