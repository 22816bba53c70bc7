import ArgumentParser
import Detection
import EventModel
import KernelEvents

/// `nodeagent check-config`: reads configuration and rules as `run` does, and starts nothing.
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check the configuration and the rules without starting anything.",
        discussion: """
            Prints what is wrong with file, line and column. What is valid here is taken by 'nodeagent run' and by a reload \
            (systemctl reload nodeagent). Needs no root where the files can be read.
            Exit status: 0 valid, 78 invalid.
            """)

    @Option(help: "The configuration file.") var config = "/etc/nodeagent/nodeagent.yaml"

    func run() throws {
        let loaded: LoadedRules
        do {
            loaded = try LoadedRules(configurationFile: config)
        } catch {
            error.exit()
        }
        let warnings = loaded.warnings()
        for warning in warnings { writeError("\(warning.warningDescription)\n") }
        let plan = KernelPlan(loaded.rules, loaded.configuration)
        let enabled = loaded.rules.rules.count(where: \.isEnabled)
        let responses = loaded.configuration.response
        print(EscapedText.escaped(config) + ": valid")
        for file in loaded.files { print("  rules    \(EscapedText.escaped(file))") }
        print("  enabled  \(enabled) of \(loaded.rules.rules.count) rules, \(warnings.count) warnings")
        print("  audit    \(AuditRuleSet(plan: plan.audit).rules.count) rules for the kernel")
        print("  marks    \(plan.markedFiles.joined(separator: " "))")
        print("  response \(responses.mode.rawValue), \(responses.rules.count) rules with actions")
    }
}
