import Detection
import EventModel
import Glibc
import LinuxSystem

/// What the operator wrote, read and checked as a whole: configuration, rules, and what is to be done about their alerts.
/// `run`, `check-config` and a reload take the same way.
struct LoadedRules: Sendable {
    var configuration: Configuration
    var rules: RuleSet
    /// What is done about a rule's alerts, by the rule's place in `rules`; empty while the response is off.
    var actions: [Int: Set<Configuration.Response.Action>]
    /// The files that were read, in order; directories resolved.
    var files: [String]

    /// - Throws: `CommandFailure` with status 78, whose message has file, line and what was expected.
    init(configurationFile: String) throws(CommandFailure) {
        let configuration: Configuration
        do {
            configuration = try ConfigurationReader.read(configurationFile)
        } catch {
            throw CommandFailure(.invalidConfiguration, "the configuration is invalid\n\(error)")
        }
        try self.init(configuration)
    }

    /// The rule files that the configuration names, and what it does about them.
    init(_ configuration: Configuration) throws(CommandFailure) {
        self.configuration = configuration
        let files = configuration.ruleFiles.flatMap(Self.files)
        self.files = files.map(\.path)
        rules = try Self.rules(files)
        actions = try Self.actions(configuration.response, rules)
    }

    /// Rule files that a command line names, and directories of such.
    static func rules(at paths: [String]) throws(CommandFailure) -> RuleSet {
        try rules(
            paths.flatMap { files(Configuration.RuleFile(path: $0, place: ConfigurationPlace(file: $0))) })
    }

    private static func rules(_ files: [Configuration.RuleFile]) throws(CommandFailure) -> RuleSet {
        do {
            var texts: [(name: String, text: String)] = []
            for file in files { texts.append((name: file.path, text: try text(of: file))) }
            return try RuleSet(files: texts)
        } catch {
            throw CommandFailure(.invalidConfiguration, "the rules are invalid\n\(error)")
        }
    }

    /// A name that no rule has would be an action that never comes.
    private static func actions(
        _ response: Configuration.Response, _ rules: RuleSet
    ) throws(CommandFailure) -> [Int: Set<Configuration.Response.Action>] {
        var actions: [Int: Set<Configuration.Response.Action>] = [:]
        for entry in response.rules {
            guard let index = rules.rules.firstIndex(where: { $0.name == entry.rule }) else {
                let error = ConfigurationError(entry.place, "there is no rule '\(entry.rule)' in the loaded files")
                throw CommandFailure(.invalidConfiguration, "the configuration is invalid\n\(error)")
            }
            actions[index, default: []].formUnion(entry.actions)
        }
        return response.mode == .off ? [:] : actions
    }

    /// A directory stands for its `*.yaml` files, in the order of their bytes; one that is not there is told as a file is.
    static func files(_ entry: Configuration.RuleFile) -> [Configuration.RuleFile] {
        guard let names = try? directoryEntries(entry.path) else { return [entry] }
        let own = names.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
        return own.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map {
            Configuration.RuleFile(path: entry.path + "/" + $0, place: entry.place)
        }
    }

    /// What is wrong with a rule file as a whole is told where the configuration names it.
    private static func text(of file: Configuration.RuleFile) throws(ConfigurationError) -> String {
        do {
            return try TextFile.read(file.path, limit: 8 << 20)
        } catch {
            guard error.place.line == 0 else { throw error }
            throw ConfigurationError(file.place, "the rule file '\(file.path)': \(error.message)")
        }
    }
}
