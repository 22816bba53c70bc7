import ArgumentParser

/// Prints what becomes of each rule with the sources of today, as docs/falco-rules.md has it for Falco's own.
struct RulesCoverageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coverage", abstract: "Print which rules are live, approximate or impossible.",
        shouldDisplay: false)

    @OptionGroup var rules: RuleFileArguments

    func run() {
        let listings = RuleListing.all(rules.load())
        let counts = [RuleCoverage.Verdict.live, .approximate, .impossible].map { verdict in
            "\(listings.count { $0.coverage == verdict }) \(verdict.rawValue)"
        }
        print("\(listings.count) rules: \(counts.joined(separator: ", ")).\n")
        print("| rule | file | | how or why |\n|---|---|---|---|")
        for rule in listings {
            let cells = [
                rule.name, String(rule.file.split(separator: "/").last ?? ""), rule.coverage.rawValue,
                rule.coverageReasons.joined(separator: "; "),
            ]
            print("| \(cells.map(markdownCell).joined(separator: " | ")) |")
        }
    }
}
