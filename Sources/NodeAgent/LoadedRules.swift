import Detection
import EventModel
import Glibc
import LinuxSystem

/// What the operator wrote, read and checked as a whole: configuration, rules, and what is to be done about their alerts.
/// `run`, `check-config`, `rules` and a reload take the same way.
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
        do {
            var texts: [(name: String, text: String)] = []
            for file in files { texts.append((name: file.path, text: try Self.text(of: file))) }
            var options = configuration.ruleOptions
            options.selection = configuration.ruleSelection.map(\.selection)
            rules = try RuleSet(files: texts, options: options)
        } catch {
            throw CommandFailure(.invalidConfiguration, "the rules are invalid\n\(error)")
        }
        try Self.check(configuration.ruleSelection, rules)
        actions = try Self.actions(configuration.response, rules)
    }

    /// Rule files that a command line names, and directories of such, with nothing else configured.
    init(ruleFiles paths: [String]) throws(CommandFailure) {
        var configuration = Configuration()
        configuration.ruleFiles = paths.map { Configuration.RuleFile(path: $0, place: ConfigurationPlace(file: $0)) }
        try self.init(configuration)
    }

    /// What no rule has would leave a rule on that was meant to be off, or off that was meant to be on.
    private static func check(
        _ selections: [Configuration.RuleSelection], _ rules: RuleSet
    ) throws(CommandFailure) {
        for entry in selections
        where !rules.rules.contains(where: { entry.selection.matches(name: $0.name, tags: $0.tags) }) {
            let (message, name, names) =
                switch entry.selection.subject {
                case .name(let name):
                    ("there is no rule '\(name)' in the loaded files", name, rules.rules.map(\.name))
                case .tag(let tag):
                    ("no rule in the loaded files has the tag '\(tag)'", tag, rules.rules.flatMap(\.tags))
                }
            let near = Suggestion.nearest(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
            let error = ConfigurationError(entry.place, message + near)
            throw CommandFailure(.invalidConfiguration, "the configuration is invalid\n\(error)")
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

    /// What was noticed of the files, then the enabled rules of whose events the kernel is not asked. Works out the plan of
    /// each rule: for commands, not for the agent.
    func warnings() -> [RuleError] {
        rules.warnings
            + rules.rules.indices.filter { rules.rules[$0].isEnabled }.compactMap { index in
                let rule = rules.rules[index]
                let told = RuleCost(rules.only(index), configuration).eventTypes
                guard rule.lacks.neverMatches == nil, rule.eventTypes.isDisjoint(with: told) else { return nil }
                let coverage = RuleCoverage(index, of: rules, told: told)
                return rule.neverMatches(because: coverage.reasons.joined(separator: "; "))
            }
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
            guard error.place.line == 0, file.place.line > 0 else { throw error }
            throw ConfigurationError(file.place, "the rule file '\(file.path)': \(error.message)")
        }
    }
}
