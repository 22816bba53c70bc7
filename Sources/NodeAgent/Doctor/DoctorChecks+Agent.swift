/// The running agent, as it answers and as its lock shows it.
struct AgentFacts: Sendable {
    /// Its counters at one moment.
    struct Reading: Sendable {
        /// CLOCK_MONOTONIC nanoseconds.
        var time: UInt64
        var counters: [String: UInt64]

        /// Records of the agent's own rules.
        var ownRecords: UInt64 {
            counters.filter { $0.key.hasPrefix("audit_group_records_") }.values.reduce(0, &+)
        }
    }
    /// Who has the lock of which there is one a host.
    struct Holder: Sendable, Equatable {
        var pid: Int32
        var comm: String
    }

    var socket: String
    /// Nil: nobody listens there, or see `failure`.
    var listing: AgentListing?
    /// It listens and did not answer.
    var failure: String?
    var lock: Holder?
    var first: Reading?
    /// A second later.
    var last: Reading?

    /// One that hangs, or has another runtime directory, is known by its lock.
    var pid: Int32? { listing?.pid ?? lock?.pid }
}

extension DoctorChecks {
    static func agent(_ facts: AgentFacts) -> [DoctorCheck] {
        [answer(facts), lock(facts)] + [losses(facts)].compactMap { $0 }
    }

    private static func answer(_ facts: AgentFacts) -> DoctorCheck {
        if let failure = facts.failure {
            return .fail(
                "agent", "listens at \(facts.socket) and does not answer: \(failure)",
                remedy: "journalctl -u nodeagent; systemctl restart nodeagent")
        }
        guard let agent = facts.listing else {
            return .info(
                "agent", facts.lock == nil ? "no agent runs" : "none answers at \(facts.socket): see agent-lock")
        }
        let finding = "nodeagent \(agent.version), pid \(agent.pid), up \(agent.uptime) s, response \(agent.response)"
        guard agent.version == NodeAgent.version else {
            return .warn("agent", "\(finding); this is \(NodeAgent.version)", remedy: "systemctl restart nodeagent")
        }
        return .pass("agent", finding)
    }

    private static func lock(_ facts: AgentFacts) -> DoctorCheck {
        let id = "agent-lock"
        switch (facts.lock, facts.listing?.pid) {
        case (nil, nil):
            return .pass(id, "free: an agent can start")
        case (nil, let agent?):
            return .warn(
                id, "the agent, pid \(agent), does not hold /run/nodeagent.lock: a second one could start",
                remedy: "systemctl restart nodeagent, if somebody has removed the file")
        case (let holder?, let agent) where holder.pid == agent:
            return .pass(id, "held by the agent, pid \(holder.pid)")
        case (let holder?, nil):
            return .warn(
                id, "held by \(holder.comm), pid \(holder.pid), which does not answer at \(facts.socket)",
                remedy: "--runtime-directory, if that agent has another one; else wait until it has started")
        case (let holder?, let agent?):
            return .fail(
                id, "held by \(holder.comm), pid \(holder.pid); at \(facts.socket) answers pid \(agent)",
                remedy: "stop one of them")
        }
    }

    /// What was lost on the way to an alert. Nil without an agent.
    private static func losses(_ facts: AgentFacts) -> DoctorCheck? {
        guard let counters = facts.last?.counters else { return nil }
        func text(_ names: [(key: String, words: String)]) -> [String] {
            names.compactMap { key, words in counters[key].flatMap { $0 > 0 ? "\($0) \(words)" : nil } }
        }
        let lost = text([
            ("audit_socket_drops", "audit records (audit_socket_drops)"),
            ("fanotify_overflows", "times file events (fanotify_overflows)"),
            ("file_accesses_dropped", "file events (file_accesses_dropped)"),
            ("process_changes_dropped", "process events (process_changes_dropped)"),
            ("reports_dropped", "descriptions of containers (reports_dropped)"),
            ("alerts_dropped", "alerts (alerts_dropped)"),
        ])
        let mended = text([("connector_gaps", "gaps of process events, after which /proc was read again")])
        guard !lost.isEmpty else {
            return .pass("losses", (["nothing lost since the agent started"] + mended).joined(separator: "; "))
        }
        return .warn(
            "losses", "since the agent started: " + (lost + mended).joined(separator: ", "),
            remedy:
                "audit.receive_buffer_mib, connector.receive_buffer_mib; more processor time; a reader of its standard output"
        )
    }
}
