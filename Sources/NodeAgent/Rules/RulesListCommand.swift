import ArgumentParser
import Detection
import EventModel
import FoundationEssentials

/// `nodeagent rules list`: the rules, and what each costs.
struct RulesListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List rules with what each asks of the kernel.",
        discussion: """
            For each rule: where it stands, priority, whether it is enabled, the events at which it is asked, and the kernel \
            sources that it costs alone, that is the audit rules (by group) and the fanotify marks that the agent would \
            install if there were no other rule. Rules share them: the last line says what all enabled rules cost together. \
            What no rule needs is not installed. The process connector and the cgroup tree are watched in any case.

            '--output json' has the audit rules as auditctl(8) takes them, and whether each rule is live, approximate or \
            impossible with today's sources, and why. '--output navigator' is a layer for the MITRE ATT&CK Navigator \
            (format 4.5): the techniques that are among the rules' tags, with how many rules tell of each; rules that are \
            switched off or impossible do not count.
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json, navigator }

    @Option(help: "How to print them.") var output: Output = .table
    @OptionGroup var rules: RuleFileArguments

    func run() throws {
        let loaded = rules.load()
        switch output {
        case .table: print(Self.table(loaded), terminator: "")
        case .json:
            print(String(decoding: try JSONEncoder.printed.encode(RuleListing.all(loaded)), as: UTF8.self))
        case .navigator:
            let layer = NavigatorLayer(RuleListing.all(loaded))
            print(String(decoding: try JSONEncoder.printed.encode(layer), as: UTF8.self))
        }
    }

    private static func table(_ loaded: LoadedRules) -> String {
        let rules = loaded.rules.rules
        let rows = rules.indices.map { index in
            let rule = rules[index]
            let cost = RuleCost(loaded.rules.only(index), loaded.configuration)
            return [
                rule.name, "\(rule.file):\(rule.position.line)", rule.priority.name, rule.isEnabled ? "yes" : "no",
                events(rule.eventTypes), costs(cost, rule), rule.tags.joined(separator: " "),
            ]
        }
        let enabled = rules.count(where: \.isEnabled)
        let together = RuleCost(loaded.rules, loaded.configuration).text
        return TextTable.text(["RULE", "SOURCE", "PRIORITY", "ENABLED", "EVENTS", "COSTS", "TAGS"], rows)
            + "\(enabled) of \(rules.count) rules enabled; together they cost: \(together.isEmpty ? "nothing" : together)\n"
    }

    private static func events(_ types: Set<EventType>) -> String {
        if types.isEmpty { return "none" }
        if types.count == EventType.allCases.count - 1 { return "all" }
        return types.sorted { $0.rawValue < $1.rawValue }.map(\.name).joined(separator: ",")
    }

    /// A rule that costs nothing lives of what is watched in any case, or nothing tells it anything.
    private static func costs(_ cost: RuleCost, _ rule: Rule) -> String {
        if !cost.text.isEmpty { return cost.text }
        return rule.eventTypes.isDisjoint(with: cost.eventTypes) ? "nothing, and nothing is told" : "nothing"
    }
}
