/// Tasks that audit cannot see, and how many records our rules make.
struct AuditReachFacts: Sendable {
    /// What is known of the moment from which on tasks have an audit context.
    enum Begin: Sendable, Equatable {
        /// The kernel was booted with `audit=1`.
        case boot
        /// The agent switched audit on when it started.
        case agent
        /// It is on, and this daemon is what we know: at the latest when that started.
        case daemon
        /// It is off.
        case notYet
        /// It is on, and nothing tells since when.
        case untold
    }

    var begin = Begin.untold
    /// Tasks (threads) that started before; of all there are with `notYet`.
    var tasks = 0

    /// Records a second of our rules over the last second and since the agent started; nil where they are not counted.
    var lastRate: UInt64?
    var averageRate: UInt64?
    /// Records a second of all rules over the last second; nil without an agent.
    var allRate: UInt64?
    var budget = RecordBudget()
}

extension DoctorChecks {
    static func tasks(_ facts: AuditReachFacts) -> DoctorCheck {
        let id = "audit-tasks"
        let remedy = "audit=1 on the kernel command line; until then restart the containers that ran before"
        let tasks = counted(facts.tasks, "task")
        switch facts.begin {
        case .boot:
            return .pass(id, "booted with audit=1: every task has an audit context")
        case .agent where facts.tasks == 0, .daemon where facts.tasks == 0:
            return .pass(id, "no task is left from before audit was switched on")
        case .agent:
            return .warn(
                id, "at most \(tasks) from before the agent switched audit on: no audit rule sees them", remedy: remedy)
        case .daemon:
            return .warn(id, "at most \(tasks) from before the audit daemon: no audit rule sees them", remedy: remedy)
        case .notYet:
            return .warn(
                id, "\(tasks) that no audit rule will see, unless audit was on before on this boot", remedy: remedy)
        case .untold:
            return .info(
                id,
                "not booted with audit=1: tasks from before audit was first on are invisible, and nothing tells which")
        }
    }

    /// Nil without an agent.
    static func auditRate(_ facts: AuditReachFacts) -> DoctorCheck? {
        guard let all = facts.allRate else { return nil }
        let id = "audit-rate"
        guard let last = facts.lastRate, let average = facts.averageRate else {
            return .pass(
                id, "\(all) records a second of all rules; nobody else stores them, so there is no budget")
        }
        let finding =
            "the agent's rules make \(last) records a second now, \(average) since it started "
            + "(audit.budget.busy \(facts.budget.busy), audit.budget.idle \(facts.budget.idle)); all rules \(all)"
        guard last > UInt64(facts.budget.busy) || average > UInt64(facts.budget.idle) else { return .pass(id, finding) }
        return .warn(
            id, finding,
            remedy: "keep others from storing the records (audit-listeners), or raise audit.budget in the configuration"
        )
    }
}
