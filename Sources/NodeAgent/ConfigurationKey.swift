import Detection
import KernelEvents
import Reporting

/// A key of `nodeagent.yaml`. `ConfigurationReader` knows the keys from this table alone, and `nodeagent configuration`
/// prints it: what is written about a key is what is read.
struct ConfigurationKey: Sendable {
    /// What it takes for a change of the file to hold.
    enum Effect: String, Sendable {
        /// `systemctl reload`, SIGHUP.
        case reload
        case restart
    }

    /// The sections and the key, with dots between them: `audit.budget.idle`.
    let name: String
    let value: ConfigurationValue
    /// One line, in Markdown.
    let meaning: String
    let takesEffect: Effect

    init(_ name: String, _ value: ConfigurationValue, _ meaning: String, takesEffect: Effect = .restart) {
        self.name = name
        self.value = value
        self.meaning = meaning
        self.takesEffect = takesEffect
    }

    /// In the order of config/nodeagent.yaml.
    static let all: [ConfigurationKey] = [
        ConfigurationKey("version", version, "the format of the file"),
        ConfigurationKey(
            "rules_files", ruleFiles,
            "rule files, or directories of them, in order; a later one may replace what an earlier one defines",
            takesEffect: .reload),
        ConfigurationKey(
            "rules", ruleSelection,
            "rules switched on and off, in this order, by a name in which `*` stands for anything or by a tag; one that no rule has is an error",
            takesEffect: .reload),
        ConfigurationKey(
            "rule_matching", .choice(\.ruleOptions.matching),
            "whether all rules that match an event alert, or the first in the order of the files",
            takesEffect: .reload),
        ConfigurationKey(
            "append_output", appendOutput,
            "what is added to alerts: `extra_output` to the text, `extra_fields` to `output_fields`, `suggested_output` who and where it was; `match` (`rule`, `source`, `tags`) says to which, left out to all",
            takesEffect: .reload),
        ConfigurationKey(
            "static_fields", staticFields,
            "`NAME: TEXT`, which rules name as `static.NAME`, and which each alert with `suggested_output` carries",
            takesEffect: .reload),
        ConfigurationKey(
            "runtime_directory",
            .path(
                \.runtimeDirectory,
                standard: "`$RUNTIME_DIRECTORY`, else `\(Configuration().resolvedRuntimeDirectory([:]))`"),
            "control socket, and what is needed after a crash"),
        ConfigurationKey(
            "state_directory",
            .path(
                \.stateDirectory,
                standard: "`$STATE_DIRECTORY`, else `\(Configuration().resolvedStateDirectory([:]))`"),
            "what outlives a boot"),
        ConfigurationKey(
            "output.format", .choice(\.output.format),
            "a line for a person, or an object a line with Falco's keys; `run --output` comes before it"),
        ConfigurationKey("audit.enabled", .boolean(\.audit.isEnabled), "use audit at all"),
        ConfigurationKey(
            "audit.mode", .choice(\.audit.mode),
            "`auto`: the audit daemon where there is none (unicast), beside one that is there (multicast)"),
        ConfigurationKey(
            "audit.restore_enabled", .boolean(\.audit.restoresEnabled),
            "whether audit is switched on again when another program switches it off, which is told in any case"),
        ConfigurationKey(
            "audit.receive_buffer_mib", .number(1...1024, \.audit.receiveBufferMiB),
            "size of the socket's buffer; each MiB keeps about a thousand records"),
        ConfigurationKey(
            "audit.budget.idle", .number(1...1_000_000, \.audit.budget.idle),
            "records a second, over a minute, that our rules may add where others store each one; above it is told once"
        ),
        ConfigurationKey(
            "audit.budget.busy", .number(1...1_000_000, \.audit.budget.busy),
            "the same over five seconds; above it the loudest group of rules is taken out, with a critical alert"),
        ConfigurationKey("fanotify.enabled", .boolean(\.watchesFiles), "use fanotify at all"),
        ConfigurationKey(
            "connector.receive_buffer_mib", .number(1...256, \.connector.receiveBufferMiB),
            "size of the process connector's buffer"),
        ConfigurationKey(
            "containers.runtime_paths", runtimePaths, "OCI runtimes beside those at the usual places"),
        ConfigurationKey(
            "response.mode", .choice(\.response.mode),
            "what is done about an alert: nothing; told and not done; done ([response.md](response.md))",
            takesEffect: .reload),
        ConfigurationKey(
            "response.freeze_seconds", .number(1...86_400, \.response.freezeSeconds),
            "after that a frozen container goes on by itself",
            takesEffect: .reload),
        ConfigurationKey(
            "response.rules", ruleActions, "what is done about a rule's alerts; a rule that no file has is an error",
            takesEffect: .reload),
        ConfigurationKey(
            "evidence.directory", .path(\.evidence.directory, standard: "`evidence` in the state directory"),
            "where rules put tarballs"),
        ConfigurationKey(
            "evidence.max_size_mib", .number(1...1_048_576, \.evidence.maximumSizeMiB),
            "content read by one collection of a rule, before it is compressed"),
        ConfigurationKey(
            "evidence.deadline_seconds", .number(1...3600, \.evidence.deadlineSeconds),
            "time of one collection of a rule"),
        ConfigurationKey("metrics.enabled", .boolean(\.metrics.isEnabled), "serve metrics at all"),
        ConfigurationKey(
            "metrics.address", metricsAddress,
            "where they are served; there is no password, so keep it to the host ([metrics.md](metrics.md))"),
        ConfigurationKey("metrics.port", .number(0...65535, \.metrics.port), "0 takes a free one, told at the start"),
        ConfigurationKey(
            "canary.interval_seconds", .number(1...3600, \.canarySeconds),
            "how often a process of the agent's own passes each source; one that does not tell of it is told as blind"),
        ConfigurationKey(
            "confinement.mode", .choice(\.confinement),
            "of the agent's own system call filters ([confinement.md](confinement.md))"),
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The keys and sections right below each section, as the file spells them; the file itself is "".
    private static let below: [String: [String]] = {
        var below: [String: [String]] = [:]
        for key in all {
            var section = ""
            for part in key.name.split(separator: ".").map(String.init) {
                if below[section]?.contains(part) != true { below[section, default: []].append(part) }
                section = section.isEmpty ? part : "\(section).\(part)"
            }
        }
        return below
    }()

    /// Nil for a section, and for what is not known.
    static func named(_ name: String) -> ConfigurationKey? { byName[name] }

    /// `enabled`, `mode`, … for `audit`.
    static func names(below section: String) -> [String] { below[section] ?? [] }
}

/// Values that only one key has.
extension ConfigurationKey {
    private static let version = ConfigurationValue(allowed: "`1`", standard: "required") {
        (document, node, _) throws(ConfigurationError) in
        _ = try document.integer(node, 1...1)
    }

    private static let ruleFiles = ConfigurationValue(allowed: "list of paths", standard: "required") {
        (document, node, configuration) throws(ConfigurationError) in
        configuration.ruleFiles = try document.ruleFiles(node)
    }

    private static let ruleSelection = ConfigurationValue(
        allowed: "list of `enable` or `disable` with `rule` or `tag`", standard: "none"
    ) { (document, node, configuration) throws(ConfigurationError) in
        configuration.ruleSelection = try document.ruleSelection(node)
    }

    private static let appendOutput = ConfigurationValue(
        allowed: "list of `match`, `extra_output`, `extra_fields`, `suggested_output`",
        standard: "`[{suggested_output: true}]`"
    ) { (document, node, configuration) throws(ConfigurationError) in
        configuration.ruleOptions.appendOutput = try document.appendOutput(node)
    }

    private static let staticFields = ConfigurationValue(allowed: "names and texts", standard: "`{}`") {
        (document, node, configuration) throws(ConfigurationError) in
        configuration.ruleOptions.staticFields = try document.staticFields(node)
    }

    private static let runtimePaths = ConfigurationValue(allowed: "list of absolute paths", standard: "none") {
        (document, node, configuration) throws(ConfigurationError) in
        configuration.containers.runtimePaths = try document.strings(node)
    }

    private static let ruleActions = ConfigurationValue(
        allowed:
            "list of `rule` (its name) and `actions` (\(ConfigurationValue.choices(of: Configuration.Response.Action.self)))",
        standard: "none"
    ) { (document, node, configuration) throws(ConfigurationError) in
        configuration.response.rules = try document.ruleActions(node)
    }

    private static let metricsAddress = ConfigurationValue(
        allowed: "an IPv4 or IPv6 address, no name", standard: "`\(Configuration().metrics.address)`"
    ) { (document, node, configuration) throws(ConfigurationError) in
        configuration.metrics.address = try document.address(node)
    }
}
