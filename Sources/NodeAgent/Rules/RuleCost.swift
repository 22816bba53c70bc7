import Detection
import EventModel
import KernelEvents

/// What rules make the agent ask of the kernel, by the plan that the sensor opens its sources by. The process connector and
/// the cgroup tree are watched whatever the rules are.
struct RuleCost {
    let auditRules: [AuditRule]
    /// The files that are marked in each container.
    let markedFiles: [String]
    /// The events that come of it, those of the inventory among them.
    let eventTypes: Set<EventType>

    init(_ rules: RuleSet, _ configuration: Configuration) {
        let plan = KernelPlan(rules, configuration)
        auditRules = AuditRuleSet(plan: plan.audit).rules
        markedFiles = plan.markedFiles
        var types: Set<EventType> = [.container, .cgroupLeave]
        for rule in auditRules { types.formUnion(rule.eventTypes) }
        // fanotify tells that a file was opened, not by which call.
        if !markedFiles.isEmpty { types.formUnion(EventType.allCases.filter { $0.isOpen || $0 == .write }) }
        eventTypes = types
    }

    /// The sources that tell events of these types.
    func sources(of types: Set<EventType>) -> [EventSource] {
        var sources: [EventSource] = []
        if !auditRules.isEmpty { sources.append(.audit) }
        if !markedFiles.isEmpty { sources.append(.fanotify) }
        if !types.isDisjoint(with: [.container, .cgroupLeave]) { sources.append(.inventory) }
        return sources
    }

    /// `audit 6 (call, node), fanotify /proc/1/environ`; empty for nothing.
    var text: String {
        var parts: [String] = []
        if !auditRules.isEmpty {
            let groups = Set(auditRules.map { String($0.key.dropFirst(AuditRule.keyPrefix.count)) }).sorted()
            parts.append("audit \(auditRules.count) (\(groups.joined(separator: ", ")))")
        }
        if !markedFiles.isEmpty { parts.append("fanotify \(markedFiles.joined(separator: " "))") }
        return parts.joined(separator: ", ")
    }
}
