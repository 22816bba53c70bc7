import KernelEvents

extension DoctorChecks {
    /// Rules of ours, of others, and those that hide.
    static func auditRules(_ facts: AuditFacts) -> [DoctorCheck] {
        [ownRules(facts), otherRules(facts), taskNever(facts.rules)]
    }

    private static func ownRules(_ facts: AuditFacts) -> DoctorCheck {
        let id = "audit-rules"
        let own = facts.rules.filter(\.isOwn)
        let restart = "systemctl restart nodeagent"
        guard facts.agent != nil else {
            return own.isEmpty
                ? .pass(id, "none of the agent's, as it is while no agent runs")
                : .warn(
                    id, "\(counted(own.count, "rule")) of an agent that has crashed",
                    remedy: "systemctl start nodeagent, with the same runtime directory, puts audit back")
        }
        guard let wanted = facts.wantedGroups, facts.status?.enabled != 2 else {
            return .info(id, "\(counted(own.count, "rule")) of the agent's")
        }
        let missing = wanted.filter { group in !own.contains { $0.key == group.key } }.map(\.key).sorted()
        guard !missing.isEmpty else {
            return .pass(id, "\(counted(own.count, "rule")) of the agent's, none is missing")
        }
        let finding =
            "\(counted(own.count, "rule")) of the agent's; missing: \(listed(missing)) (deleted by another program, "
            + "refused by the kernel, or taken out for the budget)"
        return own.isEmpty ? .fail(id, finding, remedy: restart) : .warn(id, finding, remedy: restart)
    }

    /// A `never` of theirs before ours on the same list hides what it fits.
    private static func otherRules(_ facts: AuditFacts) -> DoctorCheck {
        let id = "audit-rules-others"
        let others = facts.rules.filter { !$0.isOwn }
        let finding = others.isEmpty ? "none" : counted(others.count, "rule")
        let before = facts.rules.enumerated().filter { index, rule in
            !rule.isOwn && rule.isNever && !rule.hidesTasks
                && facts.rules[index...].contains { $0.isOwn && !$0.isNever && $0.list == rule.list }
        }
        guard !before.isEmpty else { return .pass(id, finding) }
        let keys = before.map { named($0.element) }
        return .warn(
            id,
            "\(finding); \(before.count) say never and come before the agent's: what they fit goes unseen (\(listed(keys)))",
            remedy: "auditctl -l shows them; auditctl -d … and /etc/audit/rules.d, if they hide more than they should")
    }

    private static func taskNever(_ rules: [StandingRule]) -> DoctorCheck {
        let found = rules.filter(\.hidesTasks)
        guard !found.isEmpty else { return .pass("audit-task-never", "no rule 'task,never'") }
        return .warn(
            "audit-task-never",
            "\(counted(found.count, "rule")) 'task,never' (\(listed(found.map(named)))): what is forked meanwhile is invisible "
                + "to audit as long as it lives",
            remedy: "auditctl -d task,never; take it out of /etc/audit/rules.d, then restart the containers")
    }

    private static func named(_ rule: StandingRule) -> String { rule.key.isEmpty ? "without a key" : rule.key }

    static func listeners(_ facts: AuditFacts) -> DoctorCheck {
        let id = "audit-listeners"
        guard !facts.listeners.isEmpty else { return .pass(id, "nobody else gets a copy of the records") }
        let names = listed(facts.listeners.map { $0.pid == 0 ? "unknown" : "\($0.comm) (\($0.pid))" })
        guard facts.listeners.contains(where: \.isJournald) else {
            return .info(id, "\(names) get a copy of every record; audit.budget bounds what the agent's rules add")
        }
        return .warn(
            id, "\(names): journald stores every record, and audit.budget may take a loud group of our rules out",
            remedy: "link /usr/share/nodeagent/journald-audit-off.conf into "
                + "/etc/systemd/system/systemd-journald-audit.socket.d (docs/install.md)")
    }
}
