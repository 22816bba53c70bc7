import Detection
import EventModel
import KernelEvents

/// What the loaded rules need of the kernel's sources.
struct KernelPlan: Sendable, Equatable {
    var audit: AuditPlan
    var marks: MarkPlan

    /// The files that are marked in each container, as the rules name them.
    var markedFiles: [String] { (marks.procfs.map { "/proc/" + $0 } + marks.sysfs.map { "/sys/" + $0 }).sorted() }

    init(_ rules: RuleSet, _ configuration: Configuration) {
        marks = configuration.watchesFiles ? rules.markPlan : MarkPlan()
        audit = configuration.audit.isEnabled ? rules.auditPlan : AuditPlan()
        guard configuration.audit.isEnabled else { return }
        // A container that mounts a procfs or sysfs has one without marks until it is looked at again.
        if !marks.isEmpty { audit.calls.formUnion(EventType.allCases.filter(\.changesMounts)) }
        // What the canary does is to be heard whatever the rules are.
        if !audit.isEmpty { audit.calls.insert(.mknodat) }
    }
}
