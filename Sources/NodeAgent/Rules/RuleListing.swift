import Detection
import EventModel
import KernelEvents

/// A rule as `nodeagent rules list --output json` prints it. The keys are a contract.
struct RuleListing: Encodable {
    var name: String
    var description: String
    var file: String
    var line: Int
    var priority: String
    var tags: [String]
    var enabled: Bool
    /// Those of ours at which the condition can be true.
    var eventTypes: [String]
    /// The sources that the rule needs: audit, fanotify, inventory.
    var sources: [String]
    /// What the rule alone makes the agent install, as auditctl(8) takes it; also of a rule that is switched off.
    var auditRules: [String]
    /// The files that the rule alone makes the agent mark in each container.
    var markedFiles: [String]
    var coverage: RuleCoverage.Verdict
    /// How it is approximate, or why it is impossible.
    var coverageReasons: [String]

    enum CodingKeys: String, CodingKey {
        case name, description, file, line, priority, tags, enabled
        case eventTypes = "event_types"
        case sources
        case auditRules = "audit_rules"
        case markedFiles = "marked_files"
        case coverage
        case coverageReasons = "coverage_reasons"
    }

    init(_ index: Int, of loaded: LoadedRules) {
        let rule = loaded.rules.rules[index]
        let cost = RuleCost(loaded.rules.only(index), loaded.configuration)
        let coverage = RuleCoverage(index, of: loaded.rules, told: cost.eventTypes)
        name = rule.name
        description = rule.description
        file = rule.file
        line = rule.position.line
        priority = rule.priority.name
        tags = rule.tags
        enabled = rule.isEnabled
        eventTypes = rule.eventTypes.sorted { $0.rawValue < $1.rawValue }.map(\.name)
        sources = cost.sources(of: rule.eventTypes).map(\.name)
        auditRules = cost.auditRules.map(\.text)
        markedFiles = cost.markedFiles
        self.coverage = coverage.verdict
        coverageReasons = coverage.reasons
    }

    /// All rules of the files, in their order.
    static func all(_ loaded: LoadedRules) -> [RuleListing] {
        loaded.rules.rules.indices.map { RuleListing($0, of: loaded) }
    }
}
