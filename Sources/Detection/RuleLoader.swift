internal import EventModel

/// Collects the items of all files; `compile` makes rules of them.
struct RuleLoader {
    struct Result {
        var rules: [Rule] = []
        var program = Program()
        var errors: [RuleError] = []
        var warnings: [RuleError] = []
    }

    let options: RuleSet.Options
    var definitions = Definitions()
    var rules: [RuleDefinition] = []
    var ruleByName: [String: Int] = [:]
    var errors: [RuleError] = []
    var warnings: [RuleError] = []
    var brokenNames: Set<String> = []
    /// The files' names in the order in which they were read.
    private(set) var files: [String] = []
    private(set) var itemCount = 0

    init(options: RuleSet.Options) { self.options = options }

    mutating func read(name: String, text: String) {
        let file = RuleFile(name: name, text: text)
        files.append(name)
        errors += file.errors
        warnings += file.warnings
        brokenNames.formUnion(file.brokenNames)
        for item in file.items {
            itemCount += 1
            switch item {
            case .list(let list, isAppended: false): definitions.define(list, at: itemCount)
            case .macro(let macro, isAppended: false): definitions.define(macro, at: itemCount)
            case .list(let list, isAppended: true):
                if !definitions.append(list, at: itemCount) { failAbsent(list.name, "list", definitions.lists.keys) }
            case .macro(let macro, isAppended: true):
                if !definitions.append(macro, at: itemCount) {
                    failAbsent(macro.name, "macro", definitions.macros.keys)
                }
            case .rule(let rule): add(rule)
            case .enable(let name, let isEnabled):
                guard let index = ruleByName[name.text] else {
                    failAbsent(name, "rule", ruleByName.keys)
                    break
                }
                rules[index].isEnabled = isEnabled
            case .update(let update): apply(update)
            }
        }
    }

    mutating func fail(_ text: ScalarText, _ message: String, _ kind: RuleError.Kind = .structure) {
        errors.append(RuleError(kind, in: text.source, at: text.start, message))
    }

    mutating func warn(_ text: ScalarText, _ message: String, _ kind: RuleError.Kind = .structure) {
        warnings.append(RuleError(kind, in: text.source, at: text.start, message))
    }

    private mutating func failAbsent(_ name: ScalarText, _ kind: String, _ names: some Sequence<String>) {
        if brokenNames.contains(name.text) { return }
        let hint = Suggestion.hint(for: name.text, among: names)
        fail(name, "expected a \(kind), found `\(name.text)`, which is not defined" + hint, .unknownName)
    }

    /// A later rule of the same name takes the earlier one's place.
    private mutating func add(_ rule: RuleDefinition) {
        guard let index = ruleByName[rule.name.text] else {
            ruleByName[rule.name.text] = rules.count
            rules.append(rule)
            return
        }
        guard rules[index].eventSource == rule.eventSource else {
            fail(rule.name, "the rule is defined before with the source `\(rules[index].eventSource)`")
            return
        }
        rules[index] = rule
    }

    private mutating func apply(_ update: RuleUpdate) {
        guard let index = ruleByName[update.name.text] else {
            failAbsent(update.name, "rule", ruleByName.keys)
            return
        }
        var rule = rules[index]
        if let source = update.eventSource, source != rule.eventSource {
            fail(update.name, "the rule is defined before with the source `\(rule.eventSource)`")
            return
        }
        Self.apply(update.description, to: &rule.description)
        Self.apply(update.condition, to: &rule.condition)
        Self.apply(update.output, to: &rule.output)
        if let (operation, tags) = update.tags {
            let earlier = operation == .append ? rule.tags : []
            rule.tags = earlier + tags.filter { !earlier.contains($0) }
        }
        if let (operation, exceptions) = update.exceptions {
            if operation == .replace { rule.exceptions = [] }
            for exception in exceptions { add(exception, to: &rule) }
        }
        if let priority = update.priority { rule.priority = priority }
        if let isEnabled = update.isEnabled { rule.isEnabled = isEnabled }
        if let tolerates = update.toleratesUnknownFields { rule.toleratesUnknownFields = tolerates }
        if let warns = update.warnsOfEventTypes { rule.warnsOfEventTypes = warns }
        rules[index] = rule
    }

    private static func apply(_ change: (RuleUpdate.Operation, ScalarText)?, to text: inout SourcedText) {
        guard let (operation, scalar) = change else { return }
        if operation == .append { text.append(scalar) } else { text = SourcedText(scalar) }
    }

    private mutating func add(_ update: ExceptionUpdate, to rule: inout RuleDefinition) {
        let known = rule.exceptions.firstIndex { $0.name.text == update.name.text }
        guard let fields = update.fields else {
            guard let known else {
                let hint = Suggestion.hint(for: update.name.text, among: rule.exceptions.map(\.name.text))
                fail(
                    update.name,
                    "the rule has no exception `\(update.name.text)` and a new one needs `fields`" + hint, .unknownName)
                return
            }
            if update.comparisons != nil {
                fail(update.name, "the exception has its `comps` already; only `values` can be appended")
                return
            }
            rule.exceptions[known].values += update.values
            return
        }
        if known != nil {
            fail(update.name, "the exception has its `fields` already; only `values` can be appended")
            return
        }
        rule.exceptions.append(
            ExceptionDefinition(
                name: update.name, fields: fields, comparisons: update.comparisons, values: update.values))
    }
}
