import ArgumentParser

/// `nodeagent rules`: what is done with rule files.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Test rule files.", subcommands: [RulesTestCommand.self])
}
