internal import EventModel
internal import Yams

/// One file of rules, read item by item. An item that is wrong is left out and told; the others are read on.
struct RuleFile {
    enum Item {
        case list(ListDefinition, isAppended: Bool)
        case macro(MacroDefinition, isAppended: Bool)
        case rule(RuleDefinition)
        /// `- rule: name` with `enabled` and nothing that a rule must have.
        case enable(ScalarText, Bool)
        case update(RuleUpdate)
    }

    private(set) var items: [Item] = []
    private(set) var errors: [RuleError] = []
    private(set) var warnings: [RuleError] = []
    /// Names of lists and macros whose items are wrong: who uses them is not told that they are missing.
    private(set) var brokenNames: Set<String> = []
    let yaml: RuleYAML

    init(name: String, text: String) {
        yaml = RuleYAML(source: SourceText(name: name, text: text))
        do {
            for root in try yaml.compose(text) { try readItems(root) }
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
            if case .scalar(let scalar) = node, scalar.string.isEmpty { continue }
            do {
                if let item = try read(node) { items.append(item) }
            } catch {
                errors.append(error)
                for key in ["macro", "list"] {
                    if let name = node[key]?.string { brokenNames.insert(name) }
                }
            }
        }
    }

    private mutating func read(_ node: Node) throws(RuleError) -> Item? {
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
        case "list": return try readList(ItemKeys(mapping, of: "list", yaml))
        case "macro": return try readMacro(ItemKeys(mapping, of: "macro", yaml))
        case "rule": return try readRule(ItemKeys(mapping, of: "rule", yaml))
        case "required_engine_version":
            try EngineVersion.check(ItemKeys(mapping, of: "required_engine_version", yaml), yaml)
        case "required_plugin_versions":
            try EngineVersion.checkPlugins(ItemKeys(mapping, of: "required_plugin_versions", yaml), yaml)
        default:
            let found = try yaml.scalar(first.key, of: "item").text
            let hint = Suggestion.hint(for: found, among: kinds)
            throw yaml.error(
                first.key, "expected `rule`, `macro`, `list` or `required_engine_version`, found `\(found)`" + hint)
        }
        return nil
    }

    private mutating func readList(_ keys: ItemKeys) throws(RuleError) -> Item {
        let name = try keys.text("list")
        let items = try yaml.scalars(keys.required("items"), of: "items")
        if name.text.isEmpty || name.text.utf8.contains(where: { "()\"'=, \t\n".utf8.contains($0) }) {
            warn(name, "no condition can name this list: a name has no blanks, quotes, parentheses, `=` and `,`")
        }
        return .list(ListDefinition(name: name, items: items), isAppended: try isAppended(keys, "items"))
    }

    private mutating func readMacro(_ keys: ItemKeys) throws(RuleError) -> Item {
        let name = try keys.text("macro")
        let text = try keys.text("condition")
        if name.text.wholeMatch(of: /[a-zA-Z][a-zA-Z0-9_]*/) == nil {
            warn(name, "no condition can name this macro: a name is letters, digits and `_`, a letter first")
        }
        return .macro(
            MacroDefinition(name: name, text: SourcedText(text)), isAppended: try isAppended(keys, "condition"))
    }

    /// Whether a list or a macro is added to the earlier one: `append: true` or `override: {items: append}`.
    private mutating func isAppended(_ keys: ItemKeys, _ key: String) throws(RuleError) -> Bool {
        let isOld = try readAppend(keys)
        let operations = try overrides(keys, append: [key], replace: [key])
        if isOld, let node = keys["override"] { throw yaml.error(node, "`override` and `append` stand here together") }
        return isOld || operations[key] == .append
    }

    mutating func readAppend(_ keys: ItemKeys) throws(RuleError) -> Bool {
        guard let node = keys["append"] else { return false }
        let isAppended = try yaml.boolean(node, of: "append")
        if isAppended {
            let text = try yaml.scalar(node, of: "append")
            warn(text, "`append` is deprecated: `override` says what is appended", .deprecated)
        }
        return isAppended
    }

    /// What an item's `override` says of each key, in the file's words.
    func overrides(
        _ keys: ItemKeys, append: Set<String>, replace: Set<String>
    ) throws(RuleError) -> [String: RuleUpdate.Operation] {
        guard let node = keys["override"] else { return [:] }
        guard case .mapping(let mapping) = node else {
            throw yaml.error(node, "expected keys and `append` or `replace`")
        }
        var operations: [String: RuleUpdate.Operation] = [:]
        for (key, value) in mapping {
            let name = try yaml.scalar(key, of: "override").text
            guard let operation = RuleUpdate.Operation(rawValue: try yaml.scalar(value, of: name).text) else {
                throw yaml.error(value, "expected `append` or `replace`")
            }
            guard append.contains(name) || replace.contains(name) else {
                let hint = Suggestion.hint(for: name, among: append.union(replace))
                throw yaml.error(key, "`\(name)` is no key that can be overridden" + hint)
            }
            guard operation == .append ? append.contains(name) : replace.contains(name) else {
                throw yaml.error(value, "`\(name)` cannot be appended to, only replaced")
            }
            guard keys[name] != nil else { throw yaml.error(key, "`override` names `\(name)`, which the item lacks") }
            operations[name] = operation
        }
        return operations
    }

    mutating func warn(_ text: ScalarText, _ message: String, _ kind: RuleError.Kind = .structure) {
        warnings.append(RuleError(kind, in: text.source, at: text.start, message))
    }
}
