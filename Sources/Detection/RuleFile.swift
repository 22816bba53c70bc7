internal import EventModel
internal import Yams

/// One file of rules, read item by item. An item that is wrong is left out and told; the others are read on.
struct RuleFile {
    enum Item {
        case list(ListDefinition)
        case macro(MacroDefinition)
        case rule(RuleDefinition)
        /// `- rule: name` with nothing but `enabled`.
        case enable(ScalarText, Bool)
    }

    /// The version of Falco's engine whose language this is; a file that asks for a later one is refused.
    static let engineVersion = [0, 63, 0]

    private(set) var items: [Item] = []
    private(set) var errors: [RuleError] = []
    private let yaml: RuleYAML

    init(name: String, text: String) {
        yaml = RuleYAML(source: SourceText(name: name, text: text))
        do {
            guard let root = try yaml.compose(text) else { return }
            try readItems(root)
        } catch {
            errors.append(error)
        }
    }

    private mutating func readItems(_ root: Node) throws(RuleError) {
        // A file of comments only is an empty scalar.
        if case .scalar(let scalar) = root, scalar.string.isEmpty { return }
        guard case .sequence(let sequence) = root else {
            throw yaml.error(root, "expected a list of items: `- rule: …`, `- macro: …`, `- list: …`")
        }
        for node in sequence {
            do {
                if let item = try read(node) { items.append(item) }
            } catch {
                errors.append(error)
            }
        }
    }

    private func read(_ node: Node) throws(RuleError) -> Item? {
        guard case .mapping(let mapping) = node, let first = mapping.first else {
            throw yaml.error(node, "expected an item: `rule`, `macro`, `list` or `required_engine_version`")
        }
        let kinds = ["rule", "macro", "list", "required_engine_version", "required_plugin_versions"]
        // The key that says what it is may stand anywhere, as in Falco.
        var kind: String?
        for (key, _) in mapping {
            let name = try yaml.scalar(key, of: "item").text
            if kinds.contains(name), kind == nil { kind = name }
        }
        switch kind {
        case "list": return .list(try readList(ItemKeys(mapping, of: "list", yaml)))
        case "macro": return .macro(try readMacro(ItemKeys(mapping, of: "macro", yaml)))
        case "rule": return try readRule(ItemKeys(mapping, of: "rule", yaml))
        case "required_engine_version":
            try checkEngineVersion(ItemKeys(mapping, of: "required_engine_version", yaml))
        case "required_plugin_versions":
            // The container fields of Falco's plugin are built in.
            _ = try ItemKeys(mapping, of: "required_plugin_versions", yaml)
        default:
            let found = try yaml.scalar(first.key, of: "item").text
            let hint = Suggestion.hint(for: found, among: kinds)
            throw yaml.error(
                first.key, "expected `rule`, `macro`, `list` or `required_engine_version`, found `\(found)`" + hint)
        }
        return nil
    }

    private func readList(_ keys: ItemKeys) throws(RuleError) -> ListDefinition {
        ListDefinition(
            name: try keys.text("list"), items: try yaml.scalars(keys.required("items"), of: "items"))
    }

    private func readMacro(_ keys: ItemKeys) throws(RuleError) -> MacroDefinition {
        let text = try keys.text("condition")
        return MacroDefinition(name: try keys.text("macro"), condition: try parse(text), text: text)
    }

    private func parse(_ text: ScalarText) throws(RuleError) -> Condition {
        do {
            return try ConditionParser.parse(text.text)
        } catch {
            throw RuleError(.syntax, in: yaml.source, at: text.position(at: error.offset), error.message)
        }
    }

    private func readRule(_ keys: ItemKeys) throws(RuleError) -> Item {
        let name = try keys.text("rule")
        if keys.count == 2, let enabled = keys["enabled"] {
            return .enable(name, try yaml.boolean(enabled, of: "enabled"))
        }
        let conditionText = try keys.text("condition")
        let priorityNode = try keys.required("priority")
        guard let priority = Priority(name: try keys.text("priority").text) else {
            let names = Priority.allCases.map(\.name).joined(separator: ", ")
            throw yaml.error(priorityNode, "expected a priority: \(names)")
        }
        for key in ["skip-if-unknown-filter", "capture"] {
            if let node = keys[key], try yaml.boolean(node, of: key) {
                throw yaml.error(node, "`\(key)` is not supported yet", .unsupported)
            }
        }
        return .rule(
            RuleDefinition(
                name: name, description: try keys.text("desc").text, condition: try parse(conditionText),
                conditionText: conditionText, output: try keys.text("output"), priority: priority,
                tags: try keys["tags"].map { (node) throws(RuleError) in try yaml.scalars(node, of: "tags") }?
                    .map(\.text) ?? [],
                eventSource: try keys["source"].map { (node) throws(RuleError) in
                    try yaml.scalar(node, of: "source").text
                } ?? "syscall",
                isEnabled: try keys["enabled"].map { (node) throws(RuleError) in
                    try yaml.boolean(node, of: "enabled")
                } ?? true))
    }

    /// A number N stands for 0.N.0.
    private func checkEngineVersion(_ keys: ItemKeys) throws(RuleError) {
        let text = try keys.text("required_engine_version").text
        var parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        if parts.count == 1 { parts = [0] + parts + [0] }
        let version = parts.compactMap { $0 }
        guard parts.count == 3, version.count == 3, version.allSatisfy({ $0 >= 0 }) else {
            throw yaml.error(try keys.required("required_engine_version"), "expected a version, as 0.57.0")
        }
        if Self.engineVersion.lexicographicallyPrecedes(version) {
            let own = Self.engineVersion.map(String.init).joined(separator: ".")
            throw yaml.error(
                try keys.required("required_engine_version"),
                "asks for version \(text) of the rule language; this one is \(own)")
        }
    }
}
