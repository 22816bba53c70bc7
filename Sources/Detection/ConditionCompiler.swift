internal import EventModel

/// Turns conditions into trees: expands macros and lists, knows the fields and their types. An error does not end the
/// work, so that a file's errors are told together; what it stands in is then not to be evaluated.
struct ConditionCompiler {
    /// Nodes of one rule: macros that name one another twice double at each step.
    static let maximumNodes = 20_000
    /// Levels of `and`, `or` and `not` after macros are expanded; each is a stack frame at evaluation.
    static let maximumDepth = 300
    static let maximumListItems = 100_000
    /// States of all regular expressions: what compiling them costs.
    static let maximumPatternStates = 100_000

    var definitions: Definitions
    /// What `static.NAME` stands for.
    let staticFields: [String: String]
    /// Macros and lists that are there but wrong, which was told.
    let brokenNames: Set<String>
    var program = Program()
    private(set) var errors: [RuleError] = []
    private(set) var warnings: [RuleError] = []
    private var knownErrors: Set<RuleError> = []

    /// The names that were used, for the warnings of those that were not.
    private(set) var usedMacros: Set<String> = []
    /// Macros of rules with `skip-if-unknown-filter`: a field that they do not know is no error.
    private(set) var toleratedMacros: Set<String> = []
    var usedLists: Set<String> = []
    /// Fields of conditions that no source here tells, as they are written: one warning each, at the first place.
    private(set) var unfed: [(name: String, warning: RuleError)] = []
    /// Of the condition that is being compiled: event types that never come here.
    var foreignTypes: Set<String> = []
    var patterns: [String: BytePattern] = [:]
    var patternStates = 0
    var operandNumbers: [Operand.Source: Int32] = [:]

    /// What is being compiled: the text for positions, and the place up to which definitions are seen.
    private(set) var text: SourcedText?
    private(set) var place = 0
    private var depth = 0
    private var nodeCount = 0
    private var hasTooManyNodes = false
    /// `skip-if-unknown-filter`: an unknown field is a warning, and the rule is left out.
    private var toleratesUnknownFields = false
    private(set) var hasUnknownField = false

    init(definitions: Definitions, brokenNames: Set<String>, staticFields: [String: String]) {
        self.definitions = definitions
        self.brokenNames = brokenNames
        self.staticFields = staticFields
    }

    /// - Parameter place: number of the item that the condition stands in; what is defined before it is seen.
    mutating func tree(
        of condition: Condition, text: SourcedText, place: Int, toleratesUnknownFields: Bool = false
    ) -> ConditionTree {
        begin(text, place, toleratesUnknownFields: toleratesUnknownFields)
        return tree(condition)
    }

    /// Starts with a text that is no condition or not a whole one.
    mutating func begin(_ text: SourcedText, _ place: Int, toleratesUnknownFields: Bool = false) {
        self.text = text
        self.place = place
        self.toleratesUnknownFields = toleratesUnknownFields
        hasUnknownField = false
        depth = 0
        nodeCount = 0
        hasTooManyNodes = false
        foreignTypes = []
    }

    /// The same rule, with another text for its positions.
    mutating func within<Result>(_ text: SourcedText, _ body: (inout ConditionCompiler) -> Result) -> Result {
        let outer = self.text
        self.text = text
        defer { self.text = outer }
        return body(&self)
    }

    mutating func fail(_ kind: RuleError.Kind, at offset: Int, _ message: String) {
        guard let text else { return }
        let error = text.error(kind, at: offset, message)
        if knownErrors.insert(error).inserted { errors.append(error) }
    }

    mutating func warn(_ kind: RuleError.Kind, at offset: Int, _ message: String) {
        guard let text else { return }
        let warning = text.error(kind, at: offset, message)
        if knownErrors.insert(warning).inserted { warnings.append(warning) }
    }

    mutating func failUnknownField(at offset: Int, _ failure: FieldReference.Failure) {
        guard toleratesUnknownFields, failure.kind == .unknownName else {
            fail(failure.kind, at: offset, failure.message)
            return
        }
        hasUnknownField = true
        warn(.unknownName, at: offset, failure.message + "; the rule is left out")
    }

    /// - Parameter written: the operand with the field in it.
    mutating func note(unfed field: FieldID, in written: Condition.Operand) {
        var name = field.rawValue
        if case .field(let reference) = written {
            name = reference.name + (reference.argument.map { "[\($0)]" } ?? "")
        }
        guard let text, !unfed.contains(where: { $0.name == name }) else { return }
        let message = "no source here tells `\(name)` yet: every comparison with it is false"
        unfed.append((name, text.error(.unfed, at: written.offset, message)))
    }

    private mutating func tree(_ condition: Condition) -> ConditionTree {
        depth += 1
        nodeCount += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth, nodeCount < Self.maximumNodes else {
            if !hasTooManyNodes {
                hasTooManyNodes = true
                fail(.structure, at: 0, "too large after its macros are expanded, or a macro comes back to itself")
            }
            return .leaf(.never(unfed: nil))
        }
        switch condition {
        case .and(let terms): return .all(trees(terms))
        case .or(let terms): return .any(trees(terms))
        case .not(let term): return .not(tree(term))
        case .macro(let name, let offset): return macro(name, offset)
        case .check(let check): return tree(check)
        }
    }

    private mutating func trees(_ terms: [Condition]) -> [ConditionTree] {
        var trees: [ConditionTree] = []
        for term in terms where !hasTooManyNodes { trees.append(tree(term)) }
        return trees
    }

    private mutating func macro(_ name: String, _ offset: Int) -> ConditionTree {
        guard let macro = definitions.macro(name, before: place) else {
            if brokenNames.contains(name) { return .leaf(.never(unfed: nil)) }
            if definitions.macros[name] != nil {
                fail(.unknownName, at: offset, "macro `\(name)` is defined only after it is used")
            } else if definitions.lists[name] != nil {
                fail(.unknownName, at: offset, "expected a macro, `\(name)` is a list: `field in (\(name))`")
            } else {
                let hint = Suggestion.hint(for: name, among: definitions.macros.keys)
                fail(.unknownName, at: offset, "expected a macro, found `\(name)`, which is not defined" + hint)
            }
            return .leaf(.never(unfed: nil))
        }
        usedMacros.insert(name)
        if toleratesUnknownFields { toleratedMacros.insert(name) }
        // Its own error was told where it was parsed.
        guard let condition = macro.condition else { return .leaf(.never(unfed: nil)) }
        let outer = (text, place)
        (text, place) = (macro.text, macro.place.last)
        defer { (text, place) = outer }
        return tree(condition)
    }
}
