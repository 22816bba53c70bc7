internal import Yams

/// The keys of one item, none unknown. Falco only warns of unknown keys; here they are errors, since a rule whose
/// `enabeld: false` is passed over does not do what its author believes.
struct ItemKeys {
    private static let allowed: [String: [String]] = [
        "list": ["list", "items", "append", "override"],
        "macro": ["macro", "condition", "append", "override"],
        "rule": [
            "rule", "condition", "output", "desc", "priority", "source", "enabled", "tags", "exceptions", "append",
            "warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration", "override",
        ],
        "exception": ["name", "fields", "comps", "values"],
        "required_engine_version": ["required_engine_version"],
        "required_plugin_versions": ["required_plugin_versions"],
    ]

    private let kind: String
    private let yaml: RuleYAML
    private let item: Node
    private var values: [String: Node] = [:]

    init(_ mapping: Node.Mapping, of kind: String, _ yaml: RuleYAML) throws(RuleError) {
        self.kind = kind
        self.yaml = yaml
        item = .mapping(mapping)
        let allowed = Self.allowed[kind] ?? []
        for (key, value) in mapping {
            let name = try yaml.scalar(key, of: "key").text
            guard allowed.contains(name) else {
                let hint = Suggestion.hint(for: name, among: allowed)
                throw yaml.error(key, "`\(name)` is no key of \(kind == "exception" ? "an" : "a") \(kind)" + hint)
            }
            values[name] = value
        }
    }

    subscript(key: String) -> Node? { values[key] }

    func required(_ key: String) throws(RuleError) -> Node {
        guard let node = values[key] else { throw yaml.error(item, "expected the key `\(key)` in this \(kind)") }
        return node
    }

    func boolean(_ key: String) throws(RuleError) -> Bool? {
        guard let node = values[key] else { return nil }
        return try yaml.boolean(node, of: key)
    }

    func text(_ key: String) throws(RuleError) -> ScalarText { try yaml.scalar(try required(key), of: key) }
}
