import KernelEvents

/// The audit system as the kernel tells it.
struct AuditFacts: Sendable {
    /// `audit.enabled` of the configuration.
    var isWanted = true
    var status: AuditStatus?
    /// What came instead of the status, or of the rules.
    var failure: String?
    /// The kernel has no audit, or was booted with `audit=0`.
    var isAbsent = false
    /// The comm of the audit daemon; nil without one, or when it is gone.
    var daemonComm: String?
    /// The running agent.
    var agent: Int32?
    /// It has a socket in the multicast group: it listens beside a daemon.
    var listensBeside = false
    var rules: [StandingRule] = []
    /// The groups that the loaded rules ask for; nil when these are not valid.
    var wantedGroups: Set<AuditRuleGroup>?
    /// Processes that get a copy of every record, without the agent.
    var listeners: [Listener] = []

    struct Listener: Equatable, Sendable {
        /// 0: nobody was found to hold the socket.
        var pid: Int32
        var comm: String
        /// A comm has 15 bytes. systemd alone has the socket before journald has started.
        var isJournald: Bool { comm == "systemd-journal" || pid == 1 && comm == "systemd" }
    }

    /// The agent has the audit daemon's seat.
    var isAgentDaemon: Bool { agent.map { status?.daemon == UInt32(bitPattern: $0) } ?? false }
}

extension DoctorChecks {
    static func audit(_ facts: AuditFacts) -> [DoctorCheck] {
        guard facts.isWanted else {
            return [
                .info("audit", "not used (audit.enabled: false): mounts, device nodes and failed opens go unseen")
            ]
        }
        guard let status = facts.status else {
            let finding = facts.failure ?? "no answer"
            return [
                facts.isAbsent
                    ? .fail(
                        "audit", "the kernel has no audit: \(finding)",
                        remedy: "take audit=0 off the kernel command line; else a kernel with CONFIG_AUDITSYSCALL")
                    : .fail(
                        "audit", "the kernel does not answer about audit: \(finding)",
                        remedy: "CAP_AUDIT_CONTROL, in the host's pid and user namespace")
            ]
        }
        let rules =
            facts.failure.map {
                [
                    .warn(
                        "audit-rules", "they cannot be listed: \($0)",
                        remedy: "CAP_AUDIT_CONTROL, in the host's namespaces")
                ]
            } ?? auditRules(facts)
        return [enabled(status, facts), daemon(status, facts), failureMode(status), backlog(status, facts)] + rules
            + [listeners(facts)]
    }

    private static func enabled(_ status: AuditStatus, _ facts: AuditFacts) -> DoctorCheck {
        switch status.enabled {
        case 0 where facts.agent != nil:
            .fail("audit", "switched off by another program while the agent runs", remedy: "auditctl -e 1")
        case 0:
            .warn(
                "audit", "in the kernel, and off: nothing is recorded",
                remedy: "systemctl start nodeagent switches it on; audit=1 on the kernel command line does so at boot")
        case 1:
            .pass("audit", "on, \(counted(facts.rules.count, "rule")) in the kernel")
        default:
            .fail(
                "audit", "locked until reboot (enabled \(status.enabled)): no rule can be added",
                remedy: "take '-e 2' out of /etc/audit/rules.d and boot, or start nodeagent before it is set")
        }
    }

    private static func daemon(_ status: AuditStatus, _ facts: AuditFacts) -> DoctorCheck {
        let id = "audit-daemon"
        if facts.isAgentDaemon { return .pass(id, "the agent, pid \(status.daemon)") }
        // Without a rule that needs audit the agent does not open it.
        if facts.agent != nil, !facts.listensBeside, facts.wantedGroups?.isEmpty != true {
            return .fail(
                id, "the agent has lost the place and gets no record", remedy: "systemctl restart nodeagent")
        }
        guard status.daemon != 0 else {
            return facts.agent == nil
                ? .pass(id, "none: the agent takes the place when it starts")
                : .info(id, "none: the agent listens beside, and the kernel prints records to its log")
        }
        guard let comm = facts.daemonComm else {
            return .warn(
                id, "process \(status.daemon), which is gone", remedy: "systemctl restart nodeagent takes the place")
        }
        return .info(
            id, "\(comm), pid \(status.daemon): the agent listens beside it, and it stores the records of our rules too"
        )
    }

    private static func failureMode(_ status: AuditStatus) -> DoctorCheck {
        switch status.failure {
        case 2:
            .fail(
                "audit-failure-mode", "2: the kernel panics when it loses a record or a backlog is full",
                remedy: "auditctl -f 1, and '-f 1' in /etc/audit/rules.d")
        case 1: .pass("audit-failure-mode", "1: a lost record is a line in the kernel's log")
        default: .pass("audit-failure-mode", "\(status.failure): a lost record is not told in the kernel's log")
        }
    }

    private static func backlog(_ status: AuditStatus, _ facts: AuditFacts) -> DoctorCheck {
        let id = "audit-backlog"
        let limit = status.backlogLimit == 0 ? "no limit" : "limit \(status.backlogLimit)"
        let finding =
            "\(status.backlog) waiting, \(limit), a task waits \(status.backlogWaitTime) jiffies when it is full, "
            + "\(status.lost) lost since boot"
        if status.backlogLimit != 0, status.backlog > status.backlogLimit / 2 {
            return .warn(
                id, "more than half full: \(finding)", remedy: "auditctl -b 8192; look for a loud rule: auditctl -l")
        }
        // While the agent is the daemon it sees to both, and without rules nothing waits.
        let isSmall = status.backlogLimit != 0 && status.backlogLimit < 8192 && status.backlogWaitTime != 0
        if isSmall, status.enabled != 0, !facts.isAgentDaemon, !facts.rules.isEmpty {
            return .warn(
                id, "a burst stops audited tasks: \(finding)",
                remedy: "auditctl -b 8192, and '-b 8192' in /etc/audit/rules.d")
        }
        return .pass(id, finding)
    }
}
