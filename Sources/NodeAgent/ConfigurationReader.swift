import Glibc
import KernelEvents
import LinuxSystem
import Reporting
import Yams

/// Reads `nodeagent.yaml`.
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
        var version: Int?
        try section(root, "the configuration") { (key, node) throws(ConfigurationError) in
            switch key {
            case "version":
                version = try integer(node, 1...1)
            case "rules_files":
                configuration.ruleFiles = try ruleFiles(node)
            case "runtime_directory":
                configuration.runtimeDirectory = path(try string(node))
            case "state_directory":
                configuration.stateDirectory = path(try string(node))
            case "output":
                try section(node, "output") { (key, node) throws(ConfigurationError) in
                    guard key == "format" else { return false }
                    configuration.output.format = try choice(node)
                    return true
                }
            case "audit":
                try audit(node, &configuration.audit)
            case "fanotify":
                try section(node, "fanotify") { (key, node) throws(ConfigurationError) in
                    guard key == "enabled" else { return false }
                    configuration.watchesFiles = try boolean(node)
                    return true
                }
            case "connector":
                try section(node, "connector") { (key, node) throws(ConfigurationError) in
                    guard key == "receive_buffer_mib" else { return false }
                    configuration.connector.receiveBufferMiB = Int32(try integer(node, 1...256))
                    return true
                }
            case "containers":
                try section(node, "containers") { (key, node) throws(ConfigurationError) in
                    guard key == "runtime_paths" else { return false }
                    configuration.containers.runtimePaths = try strings(node)
                    return true
                }
            case "confinement":
                try section(node, "confinement") { (key, node) throws(ConfigurationError) in
                    guard key == "mode" else { return false }
                    configuration.confinement = try choice(node)
                    return true
                }
            case "canary":
                try section(node, "canary") { (key, node) throws(ConfigurationError) in
                    guard key == "interval_seconds" else { return false }
                    configuration.canarySeconds = try integer(node, 1...3600)
                    return true
                }
            case "metrics":
                try metrics(node, &configuration.metrics)
            case "response":
                try response(node, &configuration.response)
            case "evidence":
                try section(node, "evidence") { (key, node) throws(ConfigurationError) in
                    switch key {
                    case "directory": configuration.evidence.directory = path(try string(node))
                    case "max_size_mib": configuration.evidence.maximumSizeMiB = try integer(node, 1...1_048_576)
                    case "deadline_seconds": configuration.evidence.deadlineSeconds = try integer(node, 1...3600)
                    default: return false
                    }
                    return true
                }
            default:
                return false
            }
            return true
        }
        guard version != nil else { throw error(root, "'version' is missing; expected 'version: 1'") }
        guard !configuration.ruleFiles.isEmpty else {
            throw error(root, "'rules_files' is missing or empty; expected a list of rule files")
        }
        return configuration
    }

    private func audit(_ node: Node, _ audit: inout Configuration.Audit) throws(ConfigurationError) {
        try section(node, "audit") { (key, node) throws(ConfigurationError) in
            switch key {
            case "enabled": audit.isEnabled = try boolean(node)
            case "mode": audit.mode = try choice(node)
            case "restore_enabled": audit.restoresEnabled = try boolean(node)
            case "receive_buffer_mib": audit.receiveBufferMiB = Int32(try integer(node, 1...1024))
            case "budget":
                try section(node, "audit.budget") { (key, node) throws(ConfigurationError) in
                    switch key {
                    case "idle": audit.budget.idle = try integer(node, 1...1_000_000)
                    case "busy": audit.budget.busy = try integer(node, 1...1_000_000)
                    default: return false
                    }
                    return true
                }
            default: return false
            }
            return true
        }
    }

    private func metrics(_ node: Node, _ metrics: inout Configuration.Metrics) throws(ConfigurationError) {
        try section(node, "metrics") { (key, node) throws(ConfigurationError) in
            switch key {
            case "enabled": metrics.isEnabled = try boolean(node)
            case "address": metrics.address = try address(node)
            case "port": metrics.port = try integer(node, 0...65535)
            default: return false
            }
            return true
        }
    }

    private func response(
        _ node: Node, _ response: inout Configuration.Response
    ) throws(ConfigurationError) {
        try section(node, "response") { (key, node) throws(ConfigurationError) in
            switch key {
            case "mode":
                response.mode = try choice(node)
            case "freeze_seconds":
                response.freezeSeconds = try integer(node, 1...86_400)
            case "rules":
                guard let sequence = node.sequence else { throw error(node, "expected a list") }
                for element in sequence { response.rules.append(try ruleActions(element)) }
            default:
                return false
            }
            return true
        }
    }

    private func ruleActions(_ node: Node) throws(ConfigurationError) -> Configuration.Response.RuleActions {
        var rule: Node?
        var actions: Set<Configuration.Response.Action> = []
        try section(node, "a rule's response") { (key, node) throws(ConfigurationError) in
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

    private func ruleFiles(_ node: Node) throws(ConfigurationError) -> [Configuration.RuleFile] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var files: [Configuration.RuleFile] = []
        for element in sequence {
            files.append(Configuration.RuleFile(path: path(try string(element)), place: place(of: element)))
        }
        return files
    }

    /// An IP address and no name: what a name stands for may change, and asking for it takes a network.
    private func address(_ node: Node) throws(ConfigurationError) -> String {
        let text = try string(node)
        var parsed = in6_addr()
        guard unsafe inet_pton(AF_INET, text, &parsed) == 1 || inet_pton(AF_INET6, text, &parsed) == 1 else {
            throw error(node, "expected an IPv4 or IPv6 address")
        }
        return text
    }
}
