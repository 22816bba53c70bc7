import ArgumentParser

/// Which rules a command is about: those of the files it is given, else those of the configuration.
struct RuleFileArguments: ParsableArguments {
    @Argument(
        help: "Rule files, or directories of them, in order; without one, those of the configuration.")
    var file: [String] = []
    @Option(
        help: "The configuration file, whose rules and options of rules hold (default: \(Self.defaultConfiguration)).")
    var config: String?

    private static let defaultConfiguration = "/etc/nodeagent/nodeagent.yaml"

    func validate() throws {
        if !file.isEmpty, config != nil { throw ValidationError("Either rule files or --config: not both.") }
    }

    /// Ends the process with status 78 when they are invalid: every error and every warning is printed then.
    func load() -> LoadedRules {
        do {
            guard !file.isEmpty else {
                return try LoadedRules(configurationFile: config ?? Self.defaultConfiguration)
            }
            return try LoadedRules(ruleFiles: file)
        } catch {
            error.exit()
        }
    }
}
