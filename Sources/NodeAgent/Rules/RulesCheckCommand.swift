import ArgumentParser
import Detection
import EventModel
import Glibc

/// `nodeagent rules check`: every error and every warning of rule files.
struct RulesCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check rule files.",
        discussion: """
            Prints every error and every warning with file, line and column, the line with a caret, what was expected and \
            what was probably meant. Warnings tell what is unused, what can never match and why, and which field no source \
            here can feed. Needs no root where the files can be read. What the configuration says beside its rule files is \
            checked by 'nodeagent check-config'.
            Exit status: 0 valid, 78 invalid; with --strict 5 when there are warnings.
            """)

    @OptionGroup var rules: RuleFileArguments
    @Flag(help: "Warnings give exit status 5.") var strict = false

    func run() {
        let loaded = rules.load()
        let warnings = loaded.warnings()
        for warning in warnings { writeError("\(warning.warningDescription)\n") }
        let all = loaded.rules.rules
        print("valid: \(all.count) rules, \(all.count(where: \.isEnabled)) enabled, \(warnings.count) warnings")
        if strict, !warnings.isEmpty { Glibc.exit(ExitStatus.findings.rawValue) }
    }
}
