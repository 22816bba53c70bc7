internal import EventModel
internal import Yams

extension RuleFile {
    private static let appendable: Set<String> = ["condition", "output", "desc", "tags", "exceptions"]
    private static let replaceable: Set<String> = appendable.union([
        "priority", "capture", "capture_duration", "enabled", "warn_evttypes", "skip-if-unknown-filter",
    ])

    mutating func readRule(_ keys: ItemKeys) throws(RuleError) -> Item {
        let name = try keys.text("rule")
        let isAppended = try readAppend(keys)
        if isAppended, let node = keys["override"] {
            throw yaml.error(node, "`override` and `append` stand here together")
        }
        try readCapture(keys)
        if isAppended { return .update(try readAppended(keys, name)) }
        if keys["override"] != nil { return .update(try readOverride(keys, name)) }
        if ["condition", "output", "desc", "priority"].allSatisfy({ keys[$0] == nil }), let enabled = keys["enabled"] {
            return .enable(name, try yaml.boolean(enabled, of: "enabled"))
        }
        var exceptions: [ExceptionDefinition] = []
        for update in try readExceptions(keys) {
            guard let fields = update.fields else {
                throw RuleError(.structure, in: update.name.source, at: update.name.start, "expected `fields`")
            }
            exceptions.append(
                ExceptionDefinition(
                    name: update.name, fields: fields, comparisons: update.comparisons, values: update.values))
        }
        return .rule(
            RuleDefinition(
                name: name, description: SourcedText(try keys.text("desc")),
                condition: SourcedText(try keys.text("condition")),
                output: SourcedText(try keys.text("output").trimmed),
                priority: try priority(keys), tags: try tags(keys), exceptions: exceptions,
                eventSource: try source(keys) ?? "syscall", isEnabled: try keys.boolean("enabled") ?? true,
                toleratesUnknownFields: try keys.boolean("skip-if-unknown-filter") ?? false,
                warnsOfEventTypes: try keys.boolean("warn_evttypes") ?? true))
    }

    private func source(_ keys: ItemKeys) throws(RuleError) -> String? {
        guard let node = keys["source"] else { return nil }
        let text = try yaml.scalar(node, of: "source").text
        return text.isEmpty ? nil : text
    }

    private func priority(_ keys: ItemKeys) throws(RuleError) -> Priority {
        let node = try keys.required("priority")
        guard let priority = Priority(name: try keys.text("priority").text) else {
            let names = Priority.allCases.map(\.name).joined(separator: ", ")
            throw yaml.error(node, "expected a priority: \(names)")
        }
        return priority
    }

    private func tags(_ keys: ItemKeys) throws(RuleError) -> [String] {
        guard let node = keys["tags"] else { return [] }
        return try yaml.scalars(node, of: "tags").map(\.text)
    }

    /// Nothing is captured here; evidence is collected by the configuration's `response`.
    private mutating func readCapture(_ keys: ItemKeys) throws(RuleError) {
        if let node = keys["capture_duration"], Int(try yaml.scalar(node, of: "capture_duration").text) == nil {
            throw yaml.error(node, "expected milliseconds for `capture_duration`")
        }
        guard let node = keys["capture"], try yaml.boolean(node, of: "capture") else { return }
        warn(
            try yaml.scalar(node, of: "capture"),
            "passed over: nothing is captured here; the configuration's `response` collects evidence", .unsupported)
    }

    /// The older way: a condition and exceptions are added, and nothing else.
    private mutating func readAppended(_ keys: ItemKeys, _ name: ScalarText) throws(RuleError) -> RuleUpdate {
        var update = RuleUpdate(name: name, eventSource: try source(keys))
        if keys["condition"] != nil { update.condition = (.append, try keys.text("condition")) }
        if keys["exceptions"] != nil { update.exceptions = (.append, try readExceptions(keys)) }
        for key in Self.replaceable.subtracting(["condition", "exceptions"]).sorted() {
            guard let node = keys[key] else { continue }
            let place = ScalarText(source: yaml.source, start: yaml.position(of: node), style: .plain, text: "")
            warn(place, "passed over: `append` adds a condition and exceptions only; `override` can change `\(key)`")
        }
        if update.condition == nil, update.exceptions == nil {
            throw RuleError(
                .structure, in: name.source, at: name.start, "expected a `condition` or `exceptions` to append")
        }
        return update
    }

    private mutating func readOverride(_ keys: ItemKeys, _ name: ScalarText) throws(RuleError) -> RuleUpdate {
        let operations = try overrides(keys, append: Self.appendable, replace: Self.replaceable)
        for key in Self.replaceable.sorted() where operations[key] == nil {
            guard let node = keys[key] else { continue }
            throw yaml.error(node, "`override` does not say whether `\(key)` is to be appended or replaced")
        }
        if operations.isEmpty, let node = keys["override"] {
            throw yaml.error(node, "expected keys and `append` or `replace`")
        }
        var update = RuleUpdate(name: name, eventSource: try source(keys))
        if let operation = operations["desc"] { update.description = (operation, try keys.text("desc")) }
        if let operation = operations["condition"] { update.condition = (operation, try keys.text("condition")) }
        if let operation = operations["output"] { update.output = (operation, try keys.text("output").trimmed) }
        if let operation = operations["tags"] { update.tags = (operation, try tags(keys)) }
        if let operation = operations["exceptions"] { update.exceptions = (operation, try readExceptions(keys)) }
        if operations["priority"] != nil { update.priority = try priority(keys) }
        update.isEnabled = try keys.boolean("enabled")
        update.toleratesUnknownFields = try keys.boolean("skip-if-unknown-filter")
        update.warnsOfEventTypes = try keys.boolean("warn_evttypes")
        return update
    }

    private mutating func readExceptions(_ keys: ItemKeys) throws(RuleError) -> [ExceptionUpdate] {
        guard let node = keys["exceptions"] else { return [] }
        if case .scalar(let scalar) = node, scalar.string.isEmpty { return [] }
        guard case .sequence(let sequence) = node else { throw yaml.error(node, "expected a list of exceptions") }
        var exceptions: [ExceptionUpdate] = []
        for node in sequence {
            let exception = try readException(node)
            if exceptions.contains(where: { $0.name.text == exception.name.text }) {
                warn(exception.name, "the exception `\(exception.name.text)` stands here twice")
            }
            exceptions.append(exception)
        }
        return exceptions
    }

    private mutating func readException(_ node: Node) throws(RuleError) -> ExceptionUpdate {
        guard case .mapping(let mapping) = node else {
            throw yaml.error(node, "expected an exception: `name`, `fields`, `comps`, `values`")
        }
        let keys = try ItemKeys(mapping, of: "exception", yaml)
        var values: [ExceptionDefinition.Entry] = []
        if let node = keys["values"] {
            guard case .list(let entries, _) = try entry(node) else {
                throw yaml.error(node, "expected a list of values")
            }
            values = entries
        }
        let name = try keys.text("name")
        let fields = try keys["fields"].map { (node) throws(RuleError) in try entry(node) }
        if fields == nil, values.isEmpty { warn(name, "the exception has neither `fields` nor `values`") }
        return ExceptionUpdate(
            name: name, fields: fields,
            comparisons: try keys["comps"].map { (node) throws(RuleError) in try entry(node) },
            values: values)
    }

    private func entry(_ node: Node, depth: Int = 0) throws(RuleError) -> ExceptionDefinition.Entry {
        switch node {
        case .scalar: return .scalar(try yaml.scalar(node, of: "exceptions"))
        case .sequence(let sequence) where depth < 3:
            var entries: [ExceptionDefinition.Entry] = []
            for item in sequence { entries.append(try entry(item, depth: depth + 1)) }
            let place = ScalarText(source: yaml.source, start: yaml.position(of: node), style: .plain, text: "")
            return .list(entries, place)
        default: throw yaml.error(node, "expected a text or a list of texts")
        }
    }
}
