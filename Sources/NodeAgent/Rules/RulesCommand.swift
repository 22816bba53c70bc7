import ArgumentParser

/// `nodeagent rules`: what rule files say and do, without starting anything.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check, list and test detection rules.",
        subcommands: [RulesCheckCommand.self, RulesListCommand.self, RulesTestCommand.self, RulesCoverageCommand.self])
}
