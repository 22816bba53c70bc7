internal import EventModel

/// Collects the items of all files and compiles them.
struct RuleLoader {
    struct Result {
        var rules: [Rule]
        var program: Program
        var errors: [RuleError]
        var warnings: [RuleError]
    }

    private var definitions = Definitions()
    private var rules: [RuleDefinition] = []
    private var ruleByName: [String: Int] = [:]
    private var errors: [RuleError] = []
    private var warnings: [RuleError] = []
    private var itemCount = 0

    mutating func read(name: String, text: String) {
        let file = RuleFile(name: name, text: text)
        errors += file.errors
        for item in file.items {
            itemCount += 1
            switch item {
            case .list(let list): definitions.define(list, at: itemCount)
            case .macro(let macro): definitions.define(macro, at: itemCount)
            case .rule(let rule): add(rule)
            case .enable(let name, let isEnabled): enable(name, isEnabled)
            }
        }
    }

    /// A later rule of the same name takes the earlier one's place.
    private mutating func add(_ rule: RuleDefinition) {
        var rule = rule
        rule.place = itemCount
        guard rule.eventSource == "syscall" else {
            let source = rule.eventSource
            warn(rule.name, "passed over: there are no events of the source `\(source)` here")
            return
        }
        if let index = ruleByName[rule.name.text] {
            rules[index] = rule
        } else {
            ruleByName[rule.name.text] = rules.count
            rules.append(rule)
        }
    }

    private mutating func enable(_ name: ScalarText, _ isEnabled: Bool) {
        guard let index = ruleByName[name.text] else {
            let hint = Suggestion.hint(for: name.text, among: ruleByName.keys)
            let message = "expected a rule, found `\(name.text)`, which is not defined" + hint
            errors.append(RuleError(.unknownName, in: name.source, at: name.start, message))
            return
        }
        rules[index].isEnabled = isEnabled
    }

    private mutating func warn(_ text: ScalarText, _ message: String) {
        warnings.append(RuleError(.structure, in: text.source, at: text.start, message))
    }

    mutating func compile() -> Result {
        var compiler = ConditionCompiler(definitions: definitions)
        // Macros on their own first: one that no rule uses may be wrong as well.
        for macro in definitions.macros.values.sorted(by: { $0.place.last < $1.place.last }) {
            compiler.check(macro.condition, text: macro.text, place: macro.place.last)
        }
        var compiled: [(rule: RuleDefinition, root: Int, output: OutputTemplate)] = []
        for rule in rules {
            let root = compiler.compile(rule.condition, text: rule.conditionText, place: rule.place)
            if let output = template(rule) { compiled.append((rule, root, output)) }
        }
        errors += compiler.errors
        warnings += compiler.warnings
        let program = compiler.program
        guard errors.isEmpty else { return Result(rules: [], program: program, errors: errors, warnings: warnings) }
        let rules = compiled.map { rule, root, output in
            Rule(
                name: rule.name.text, description: rule.description, priority: rule.priority, tags: rule.tags,
                eventSource: rule.eventSource, isEnabled: rule.isEnabled, file: rule.name.source.name,
                position: rule.name.start,
                eventTypes: program.possibleTypes(at: root).true.types.subtracting([.other]), root: root,
                output: output)
        }
        for (rule, definition) in zip(rules, compiled) where rule.eventTypes.isEmpty {
            warn(definition.rule.name, "never matches: its condition is true at no event that the agent sees")
        }
        return Result(rules: rules, program: program, errors: errors, warnings: warnings)
    }

    private mutating func template(_ rule: RuleDefinition) -> OutputTemplate? {
        do {
            var template = try OutputTemplate(rule.output.text)
            template.appendSuggested()
            return template
        } catch {
            let position = rule.output.position(at: error.offset)
            errors.append(RuleError(error.kind, in: rule.output.source, at: position, error.message))
            return nil
        }
    }
}
