import Detection
import Yams

/// The keys that say something of rules as a whole; Falco's of the same names.
extension YAMLDocument {
    /// `rules`: a list of `enable: {rule: NAME}`, `disable: {tag: TAG}`, ….
    func ruleSelection(_ node: Node) throws(ConfigurationError) -> [Configuration.RuleSelection] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var selections: [Configuration.RuleSelection] = []
        for element in sequence {
            let count = selections.count
            try section(element, "a selection of rules", keys: ["enable", "disable"]) {
                (key, node) throws(ConfigurationError) in
                guard key == "enable" || key == "disable" else { return false }
                let (subject, place) = try subject(node)
                selections.append(
                    Configuration.RuleSelection(
                        selection: RuleSet.Selection(subject, isEnabled: key == "enable"), place: place))
                return true
            }
            guard selections.count == count + 1 else { throw error(element, "expected 'enable' or 'disable'") }
        }
        return selections
    }

    private func subject(
        _ node: Node
    ) throws(ConfigurationError) -> (RuleSet.Selection.Subject, ConfigurationPlace) {
        var found: [(RuleSet.Selection.Subject, ConfigurationPlace)] = []
        try section(node, "a selection of rules", keys: ["rule", "tag"]) { (key, node) throws(ConfigurationError) in
            switch key {
            case "rule": found.append((.name(try string(node)), place(of: node)))
            case "tag": found.append((.tag(try string(node)), place(of: node)))
            default: return false
            }
            return true
        }
        guard let only = found.first, found.count == 1 else {
            throw error(node, "expected 'rule' (a name, `*` for anything) or 'tag'")
        }
        return only
    }

    /// `append_output`.
    func appendOutput(_ node: Node) throws(ConfigurationError) -> [RuleSet.AppendOutput] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var additions: [RuleSet.AppendOutput] = []
        for element in sequence { additions.append(try addition(element)) }
        return additions
    }

    private func addition(_ node: Node) throws(ConfigurationError) -> RuleSet.AppendOutput {
        var addition = RuleSet.AppendOutput()
        let keys = ["match", "extra_output", "extra_fields", "suggested_output"]
        try section(node, "an entry of append_output", keys: keys) { (key, node) throws(ConfigurationError) in
            switch key {
            case "match": try match(node, &addition)
            case "extra_output": addition.output = try string(node)
            case "extra_fields": addition.fields = try extraFields(node)
            case "suggested_output": addition.isSuggested = try boolean(node)
            default: return false
            }
            return true
        }
        return addition
    }

    private func match(_ node: Node, _ addition: inout RuleSet.AppendOutput) throws(ConfigurationError) {
        try section(node, "a match", keys: ["rule", "source", "tags"]) { (key, node) throws(ConfigurationError) in
            switch key {
            case "rule": addition.rule = try string(node)
            case "source": addition.source = try string(node)
            case "tags": addition.tags = try strings(node)
            default: return false
            }
            return true
        }
    }

    /// A field's name by itself, or `NAME: OUTPUT`.
    private func extraFields(_ node: Node) throws(ConfigurationError) -> [(name: String, output: String?)] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var fields: [(name: String, output: String?)] = []
        for element in sequence {
            if element.mapping == nil {
                fields.append((name: try string(element), output: nil))
            } else {
                for (name, output) in try texts(element) { fields.append((name: name, output: output)) }
            }
        }
        return fields
    }

    /// `static_fields`: what stands behind `static.` has to be a word of a condition.
    func staticFields(_ node: Node) throws(ConfigurationError) -> [(name: String, value: String)] {
        let fields = try texts(node)
        for key in node.mapping?.keys.map({ $0 }) ?? [] {
            let name = Array((key.string ?? "").utf8)
            guard name.allSatisfy({ Self.isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F }),
                name.first.map(Self.isLetter) == true
            else { throw error(key, "expected a name of letters, digits and _ that begins with a letter") }
        }
        return fields
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    /// Names and texts, in the order of the file.
    private func texts(_ node: Node) throws(ConfigurationError) -> [(name: String, value: String)] {
        var texts: [(name: String, value: String)] = []
        try section(node, "names and texts") { (key, node) throws(ConfigurationError) in
            texts.append((name: key, value: try string(node)))
            return true
        }
        return texts
    }
}
