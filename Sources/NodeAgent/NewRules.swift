import Detection
import EventModel
import KernelEvents
import Reporting

/// Puts rules to work that were loaded while the agent runs: first in the kernel, where what both the old and the new ask for
/// never goes unseen, then in what judges.
final class NewRules: Sendable {
    private let start: KernelPlan
    private let setup: Sensor.Setup
    private let audit: AuditKeeper?
    private let fanotify: FanotifyReader?
    private let marks: MarkSupervisor?
    private let control: ControlServer
    private let alerts: AlertCounters
    private let responder: ResponseWorker
    private let pipeline: Pipeline

    /// - Parameter start: what the rules at the start needed: sources that are closed since then cannot be opened any more.
    init(
        start: KernelPlan, setup: Sensor.Setup, audit: AuditKeeper?, fanotify: FanotifyReader?, marks: MarkSupervisor?,
        control: ControlServer, alerts: AlertCounters, responder: ResponseWorker, pipeline: Pipeline
    ) {
        self.start = start
        self.setup = setup
        self.audit = audit
        self.fanotify = fanotify
        self.marks = marks
        self.control = control
        self.alerts = alerts
        self.responder = responder
        self.pipeline = pipeline
    }

    /// - Throws: `CommandFailure` or `SystemError`; nothing was exchanged then.
    func use(_ loaded: LoadedRules) throws {
        let plan = KernelPlan(loaded.rules, setup.configuration)
        if start.audit.isEmpty, !plan.audit.isEmpty { throw Self.needsRestart("audit") }
        if start.marks.isEmpty, !plan.marks.isEmpty { throw Self.needsRestart("fanotify") }
        _ = try setup.configuration.evidenceDirectory(needed: !loaded.actions.isEmpty)
        let ruleSet = AuditRuleSet(plan: plan.audit)
        try audit?.exchange(ruleSet.rules)
        fanotify?.setPlan(plan.marks)
        marks?.setPlan(plan.marks, containers: control.published.compactMap { $0.initProcess?.pid })
        alerts.add(loaded.rules.rules.filter(\.isEnabled).map { (name: $0.name, priority: $0.priority) })
        responder.use(loaded.configuration.response)
        pipeline.use(
            Pipeline.RulesInUse(loaded.rules, actions: loaded.actions, plan: plan.audit, ruleSet))
    }

    private static func needsRestart(_ source: String) -> CommandFailure {
        CommandFailure(
            .failed, "these rules need \(source), which no rule needed at the start: restart nodeagent to load them")
    }
}
