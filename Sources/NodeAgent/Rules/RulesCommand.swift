import ArgumentParser

/// `nodeagent rules`: what rule files say, without starting anything.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check and list detection rules.",
        subcommands: [RulesCheckCommand.self, RulesListCommand.self, RulesCoverageCommand.self])
}
