import Glibc
import Yams

/// Reads `nodeagent.yaml`: the keys are those of `ConfigurationKey.all`.
enum ConfigurationReader {
    /// - Throws: `ConfigurationError`; a file that cannot be read is one as well, without a line.
    static func read(_ file: String) throws(ConfigurationError) -> Configuration {
        let document = try YAMLDocument.read(file)
        return try document.configuration(document.mapping("version: 1"))
    }
}

extension YAMLDocument {
    fileprivate func configuration(_ root: Node) throws(ConfigurationError) -> Configuration {
        var configuration = Configuration()
        var given: Set<String> = []
        try read(root, section: "", &configuration, &given)
        guard given.contains("version") else { throw error(root, "'version' is missing; expected 'version: 1'") }
        guard !configuration.ruleFiles.isEmpty else {
            throw error(root, "'rules_files' is missing or empty; expected a list of rule files")
        }
        return configuration
    }

    /// - Parameters:
    ///   - name: as in `ConfigurationKey.names(below:)`.
    ///   - given: the full names of the keys that are there.
    private func read(
        _ node: Node, section name: String, _ configuration: inout Configuration, _ given: inout Set<String>
    ) throws(ConfigurationError) {
        let known = ConfigurationKey.names(below: name)
        try section(node, name.isEmpty ? "the configuration" : name, keys: known) {
            (key, node) throws(ConfigurationError) in
            // Before it is put behind its section: a key of the file that has a dot in it is none of ours.
            guard known.contains(key) else { return false }
            let full = name.isEmpty ? key : "\(name).\(key)"
            if let entry = ConfigurationKey.named(full) {
                try entry.value.read(self, node, &configuration)
                given.insert(full)
            } else {
                try read(node, section: full, &configuration, &given)
            }
            return true
        }
    }

    func ruleActions(_ node: Node) throws(ConfigurationError) -> [Configuration.Response.RuleActions] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var rules: [Configuration.Response.RuleActions] = []
        for element in sequence { rules.append(try actions(element)) }
        return rules
    }

    private func actions(_ node: Node) throws(ConfigurationError) -> Configuration.Response.RuleActions {
        var rule: Node?
        var actions: Set<Configuration.Response.Action> = []
        try section(node, "a rule's response", keys: ["rule", "actions"]) { (key, node) throws(ConfigurationError) in
            switch key {
            case "rule":
                rule = node
            case "actions":
                guard let sequence = node.sequence else { throw error(node, "expected a list") }
                for element in sequence { actions.insert(try choice(element)) }
            default:
                return false
            }
            return true
        }
        guard let rule else { throw error(node, "'rule' is missing; expected the name of a rule") }
        guard !actions.isEmpty else {
            throw error(node, "'actions' is missing or empty; expected collect, freeze, kill")
        }
        return Configuration.Response.RuleActions(rule: try string(rule), actions: actions, place: place(of: rule))
    }

    func ruleFiles(_ node: Node) throws(ConfigurationError) -> [Configuration.RuleFile] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var files: [Configuration.RuleFile] = []
        for element in sequence {
            files.append(Configuration.RuleFile(path: path(try string(element)), place: place(of: element)))
        }
        return files
    }

    /// An IP address and no name: what a name stands for may change, and asking for it takes a network.
    func address(_ node: Node) throws(ConfigurationError) -> String {
        let text = try string(node)
        var parsed = in6_addr()
        guard unsafe inet_pton(AF_INET, text, &parsed) == 1 || inet_pton(AF_INET6, text, &parsed) == 1 else {
            throw error(node, "expected an IPv4 or IPv6 address")
        }
        return text
    }
}
