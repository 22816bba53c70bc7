import Glibc
import KernelEvents
import LinuxSystem
import Reporting
import Yams

/// Reads `nodeagent.yaml`. Every value is checked where it stands, so that the message can say the line.
struct ConfigurationReader {
    private let file: String
    private let lines: [Substring]

    static let maximumBytes = 1 << 20
    /// An alias may name what names other aliases: the document grows by multiplication. Ours needs none.
    private static let maximumAliases = 32

    /// - Throws: `ConfigurationError`; a file that cannot be read is one as well, without a line.
    static func read(_ file: String) throws(ConfigurationError) -> Configuration {
        try read(text: TextFile.read(file, limit: maximumBytes), file: file)
    }

    static func read(text: String, file: String) throws(ConfigurationError) -> Configuration {
        // Lines end where libyaml ends them, or its line numbers would not be ours.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let reader = ConfigurationReader(file: file, lines: lines)
        try reader.checkAliases()
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw reader.error(error, in: text)
        } catch {
            throw reader.error(line: 1, column: 1, "\(error)")
        }
        guard let root else {
            throw reader.error(line: 1, column: 1, "the file is empty; expected at least 'version: 1'")
        }
        return try reader.configuration(root)
    }

    private func configuration(_ root: Node) throws(ConfigurationError) -> Configuration {
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

    // MARK: Values

    /// Goes through a mapping; `take` returns false for a key it does not know.
    private func section(
        _ node: Node, _ name: String, _ take: (String, Node) throws(ConfigurationError) -> Bool
    ) throws(ConfigurationError) {
        guard let mapping = node.mapping else { throw error(node, "expected keys and values for \(name)") }
        var seen: Set<String> = []
        for (key, value) in mapping {
            guard let name = key.string else { throw error(key, "expected a key") }
            guard seen.insert(name).inserted else { throw error(key, "'\(name)' is there twice") }
            guard try take(name, value) else { throw error(key, "unknown key '\(name)'") }
        }
    }

    private func string(_ node: Node) throws(ConfigurationError) -> String {
        guard let text = node.scalar?.string, !text.isEmpty else { throw error(node, "expected a text") }
        // A path ends at a NUL for the kernel.
        guard !text.utf8.contains(0) else { throw error(node, "expected a text without NUL") }
        return text
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

    private func strings(_ node: Node) throws(ConfigurationError) -> [String] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var texts: [String] = []
        for element in sequence { texts.append(try string(element)) }
        return texts
    }

    private func ruleFiles(_ node: Node) throws(ConfigurationError) -> [Configuration.RuleFile] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var files: [Configuration.RuleFile] = []
        for element in sequence {
            files.append(Configuration.RuleFile(path: path(try string(element)), place: place(of: element)))
        }
        return files
    }

    private func integer(_ node: Node, _ range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        guard let value = node.scalar.flatMap({ Int($0.string) }), range.contains(value) else {
            let expected =
                range.count == 1 ? "\(range.lowerBound)" : "a number from \(range.lowerBound) to \(range.upperBound)"
            throw error(node, "expected \(expected)")
        }
        return value
    }

    private func boolean(_ node: Node) throws(ConfigurationError) -> Bool {
        switch node.scalar?.string {
        case "true": return true
        case "false": return false
        default: throw error(node, "expected true or false")
        }
    }

    private func choice<T: RawRepresentable & CaseIterable>(
        _ node: Node
    ) throws(ConfigurationError) -> T where T.RawValue == String {
        guard let value = node.scalar.flatMap({ T(rawValue: $0.string) }) else {
            throw error(node, "expected one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// A path in the file is relative to the file.
    private func path(_ text: String) -> String {
        if text.hasPrefix("/") { return text }
        guard let slash = file.lastIndex(of: "/") else { return text }
        return file[...slash] + text
    }

    // MARK: Errors

    private func place(of node: Node) -> ConfigurationPlace {
        place(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    private func place(line: Int, column: Int) -> ConfigurationPlace {
        let text = lines.indices.contains(line - 1) ? String(lines[line - 1]) : ""
        return ConfigurationPlace(file: file, line: line, column: column, text: text)
    }

    private func error(_ node: Node, _ message: String) -> ConfigurationError {
        ConfigurationError(place(of: node), message)
    }

    private func error(line: Int, column: Int, _ message: String) -> ConfigurationError {
        ConfigurationError(place(line: line, column: column), message)
    }

    /// Every `*` that a name follows counts, wherever it stands: to tell aliases from text is the parser's work, and that
    /// would have made the document by then.
    private func checkAliases() throws(ConfigurationError) {
        var count = 0
        for (index, line) in lines.enumerated() {
            var previous: Unicode.Scalar = " "
            for (column, scalar) in line.unicodeScalars.enumerated() {
                let isName =
                    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "_-".contains(Character(scalar))
                if previous == "*", isName { count += 1 }
                guard count <= Self.maximumAliases else {
                    throw error(line: index + 1, column: column, "more than \(Self.maximumAliases) aliases")
                }
                previous = scalar
            }
        }
    }

    private func error(_ error: YamlError, in text: String) -> ConfigurationError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            // Where the text ends too soon, what it cuts off began elsewhere.
            if let context, isAtEnd(mark) {
                return self.error(line: context.mark.line, column: context.mark.column, "\(problem) \(context.text)")
            }
            return self.error(line: mark.line, column: mark.column, problem)
        case .composer(let context, let problem, let mark, _):
            return self.error(
                line: mark.line, column: mark.column, context.map { "\($0.text), \(problem)" } ?? problem)
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            return self.error(
                line: before.count, column: (before.last?.unicodeScalars.count ?? 0) + 1, problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            let name = duplicates.sorted().first ?? ""
            return ConfigurationError(secondPlace(of: name, context.mark), "'\(name)' is there twice")
        default:
            return self.error(line: 1, column: 1, "expected YAML")
        }
    }

    /// Whether only blanks follow.
    private func isAtEnd(_ mark: Mark) -> Bool {
        guard lines.indices.contains(mark.line - 1) else { return true }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).allSatisfy { $0 == " " }
            && lines[mark.line...].allSatisfy { line in line.allSatisfy { $0 == " " } }
    }

    /// Yams tells where a key stands first. It comes again at the same indentation, in a mapping of one line nowhere that
    /// can be told from here; then the first place it is.
    private func secondPlace(of name: String, _ first: Mark) -> ConfigurationPlace {
        let indentation = String(repeating: " ", count: first.column - 1)
        let spellings = [name, "'\(name)'", "\"\(name)\""]
        for (index, line) in lines.enumerated().dropFirst(first.line) where line.hasPrefix(indentation) {
            let rest = line.dropFirst(indentation.count)
            for spelling in spellings where rest.hasPrefix(spelling) {
                if rest.dropFirst(spelling.count).drop(while: { $0 == " " }).first == ":" {
                    return place(line: index + 1, column: first.column)
                }
            }
        }
        return place(line: first.line, column: first.column)
    }
}
