internal import EventModel

extension RuleLoader {
    private struct Compiled {
        var definition: RuleDefinition
        var tree: ConditionTree
        var output: OutputTemplate
        var extraFields: [(name: String, output: OutputTemplate)]
        var foreignTypes: Set<String>
        var isEnabled: Bool
    }

    mutating func compile() -> Result {
        parseMacros()
        var compiler = ConditionCompiler(
            definitions: definitions, brokenNames: brokenNames,
            staticFields: Dictionary(
                options.staticFields.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last }))
        var compiled: [Compiled] = []
        for rule in rules {
            guard rule.eventSource == "syscall" else {
                warn(rule.name, "passed over: there are no events of the source `\(rule.eventSource)` here")
                continue
            }
            if let rule = compile(rule, &compiler) { compiled.append(rule) }
        }
        // Macros on their own too: one that no rule uses may be wrong as well.
        for macro in definitions.macros.values where !compiler.toleratedMacros.contains(macro.name.text) {
            guard let condition = macro.condition else { continue }
            _ = compiler.tree(of: condition, text: macro.text, place: macro.place.last)
        }
        errors += compiler.errors
        warnings += compiler.warnings + compiler.unfed.map(\.warning)
        guard errors.isEmpty else { return Result(errors: sorted(errors), warnings: sorted(warnings)) }
        warnOfUnused(compiler)
        var program = compiler.program
        let rules = compiled.map { rule(of: $0, &program) }
        for (rule, origin) in zip(rules, compiled) { warnOfTypes(rule, origin.definition) }
        return Result(rules: rules, program: program, warnings: sorted(warnings))
    }

    /// In the order of the files and in each of the lines.
    private func sorted(_ errors: [RuleError]) -> [RuleError] {
        let numbers = Dictionary(files.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        return errors.sorted {
            (numbers[$0.file] ?? .max, $0.line, $0.column) < (numbers[$1.file] ?? .max, $1.line, $1.column)
        }
    }

    private mutating func parse(_ text: SourcedText) -> Condition? {
        do {
            return try ConditionParser.parse(text.text)
        } catch {
            errors.append(text.error(.syntax, at: error.offset, error.message))
            return nil
        }
    }

    private mutating func parseMacros() {
        for (name, macro) in definitions.macros {
            if let condition = parse(macro.text) { definitions.set(condition, ofMacro: name) }
        }
    }

    private mutating func compile(_ rule: RuleDefinition, _ compiler: inout ConditionCompiler) -> Compiled? {
        let condition = parse(rule.condition)
        // A rule sees every macro, as in Falco; a macro those that are defined before it.
        var trees = [
            compiler.tree(
                of: condition ?? .and([]), text: rule.condition, place: .max,
                toleratesUnknownFields: rule.toleratesUnknownFields)
        ]
        for exception in rule.exceptions {
            if let tree = compiler.tree(of: exception) { trees.append(tree) }
        }
        let foreignTypes = compiler.foreignTypes
        var isLeftOut = compiler.hasUnknownField
        compiler.begin(rule.output, .max, toleratesUnknownFields: rule.toleratesUnknownFields)
        var output = OutputTemplate(rule.output.text, &compiler)
        isLeftOut = isLeftOut || compiler.hasUnknownField
        var extraFields: [(name: String, output: OutputTemplate)] = []
        for addition in options.appendOutput
        where addition.matches(name: rule.name.text, source: rule.eventSource, tags: rule.tags) {
            if let text = addition.output { output.append(template(text, &compiler)) }
            if addition.isSuggested { output.appendSuggested(&compiler) }
            for (name, text) in addition.fields {
                extraFields.append((name, template(text ?? "%" + name, &compiler)))
            }
        }
        var isEnabled = rule.isEnabled
        for selection in options.selection where selection.matches(name: rule.name.text, tags: rule.tags) {
            isEnabled = selection.isEnabled
        }
        if isLeftOut { return nil }
        return Compiled(
            definition: rule, tree: trees.count == 1 ? trees[0] : .all(trees), output: output,
            extraFields: extraFields, foreignTypes: foreignTypes, isEnabled: isEnabled)
    }

    /// A text of the configuration; what is wrong in it is told as of a file `append_output`.
    private func template(_ text: String, _ compiler: inout ConditionCompiler) -> OutputTemplate {
        let source = SourceText(name: "append_output", text: text)
        let scalar = ScalarText(source: source, start: SourcePosition(line: 1, column: 1), style: .plain, text: text)
        compiler.begin(SourcedText(scalar), .max)
        return OutputTemplate(text, &compiler)
    }

    private func rule(of compiled: Compiled, _ program: inout Program) -> Rule {
        let root = program.append(compiled.tree.simplified)
        let definition = compiled.definition
        let eventTypes = program.possibleTypes(at: root).true.types.subtracting([.other])
        var lacks = RuleLacks(
            eventTypes: compiled.foreignTypes.sorted(), conditionFields: program.unfedFields(at: root))
        for field in compiled.output.references.compactMap({ program.operands[Int($0.operand)].unfed })
        where !lacks.outputFields.contains(field) {
            lacks.outputFields.append(field)
        }
        if eventTypes.isEmpty { lacks.neverMatches = Self.reason(lacks, root, program) }
        return Rule(
            name: definition.name.text, description: definition.description.text, priority: definition.priority,
            tags: definition.tags, eventSource: definition.eventSource, isEnabled: compiled.isEnabled,
            file: definition.name.source.name, position: definition.name.start,
            eventTypes: eventTypes, lacks: lacks, root: root,
            excerpt: definition.name.source.excerpt(at: definition.name.start), output: compiled.output,
            extraFields: compiled.extraFields
        )
    }

    /// Why a rule can never match.
    private static func reason(_ lacks: RuleLacks, _ root: Int, _ program: Program) -> String {
        let foreign = lacks.eventTypes.map { "`\($0)`" }.joined(separator: ", ")
        if !foreign.isEmpty, program.possibleTypes(at: root, assumesFed: true).true.types.isEmpty {
            return "no source here tells of \(foreign)"
        }
        let unfed = lacks.conditionFields.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        return unfed.isEmpty ? "its condition is true at no event" : "no source here tells \(unfed)"
    }

    private mutating func warnOfUnused(_ compiler: ConditionCompiler) {
        for macro in definitions.macros.values where !compiler.usedMacros.contains(macro.name.text) {
            warn(macro.name, "no rule and no macro uses the macro `\(macro.name.text)`", .unused)
        }
        // A list may be named by another that no condition uses.
        var used = compiler.usedLists
        for list in definitions.lists.values {
            _ = definitions.elements(of: list, limit: ConditionCompiler.maximumListItems, used: &used)
        }
        for list in definitions.lists.values where !used.contains(list.name.text) {
            warn(list.name, "no rule, no macro and no list uses the list `\(list.name.text)`", .unused)
        }
    }

    private mutating func warnOfTypes(_ rule: Rule, _ definition: RuleDefinition) {
        if let reason = rule.lacks.neverMatches {
            warn(definition.name, "never matches: \(reason)", .neverMatches)
        } else if definition.warnsOfEventTypes, rule.eventTypes.count == EventTypeMask.all.types.count - 1 {
            warn(
                definition.name,
                "asked at every event, which costs: the condition should name its event types (`evt.type in (…)`)")
        }
    }
}
