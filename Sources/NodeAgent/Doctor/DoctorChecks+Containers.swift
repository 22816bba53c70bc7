/// The containers of this host, and what the agent knows of them.
struct ContainerFacts: Sendable {
    /// As found by this program; nil when that took too long or failed.
    var found: [ContainerListing]?
    /// As the running agent lists them; nil without one.
    var listed: [ContainerListing]?
    /// Those with a procfs or sysfs of their own that has no mark; nil when it cannot be told.
    var unmarked: [ContainerListing]?
    /// The agent has a fanotify group; nil without an agent.
    var hasMarks: Bool?
    /// Of the containers that started since the agent did: those that were marked only after their first instruction.
    var lateStarts: UInt64 = 0
    var starts: UInt64 = 0

    /// What runs and the agent does not list.
    var unlisted: [ContainerListing] {
        guard let found, let listed else { return [] }
        let known = Set(listed.map(\.id))
        return found.filter { !known.contains($0.id) }
    }
}

extension DoctorChecks {
    static func containers(_ facts: ContainerFacts) -> [DoctorCheck] {
        [known(facts)] + [marked(facts)].compactMap { $0 }
    }

    private static func known(_ facts: ContainerFacts) -> DoctorCheck {
        let id = "containers"
        guard let all = facts.listed ?? facts.found else {
            return .warn(
                id, "they cannot be read in time",
                remedy: "nodeagent inventory; a file system of a container may not answer")
        }
        let nameless = all.filter { $0.name == nil && $0.image == nil }
        var parts = [counted(all.count, "container")]
        if !nameless.isEmpty {
            parts.append("\(nameless.count) without name and image (\(listed(nameless.map(name))))")
        }
        let undescribed = facts.listed == nil ? [] : all.filter { $0.verdict == nil }
        if !undescribed.isEmpty { parts.append("not described: \(listed(undescribed.map(name)))") }
        if !facts.unlisted.isEmpty { parts.append("unknown to the agent: \(listed(facts.unlisted.map(name)))") }
        let finding = parts.joined(separator: "; ")
        guard undescribed.isEmpty, facts.unlisted.isEmpty else {
            return .warn(
                id, finding,
                remedy: "if it stays so for a minute: journalctl -u nodeagent, then systemctl restart nodeagent")
        }
        return .pass(id, finding)
    }

    /// Nil without an agent.
    private static func marked(_ facts: ContainerFacts) -> DoctorCheck? {
        guard let all = facts.listed, let hasMarks = facts.hasMarks else { return nil }
        let id = "containers-marked"
        guard hasMarks else {
            return .fail(
                id, "the agent has no fanotify group: no container is marked", remedy: "systemctl restart nodeagent")
        }
        guard let unmarked = facts.unmarked else {
            return .info(id, "which files are to be marked is not known: the configuration or the rules are not valid")
        }
        let late = facts.starts == 0 ? "" : "; \(facts.lateStarts) of \(facts.starts) started before their marks stood"
        guard unmarked.isEmpty else {
            return .warn(
                id,
                "\(unmarked.count) of \(counted(all.count, "container")) not marked: \(listed(unmarked.map(name)))\(late)",
                remedy: "journalctl -u nodeagent | grep 'not marked'; a mount of theirs is hidden or does not answer")
        }
        return .pass(id, "\(counted(all.count, "container")), none without marks\(late)")
    }

    private static func name(_ listing: ContainerListing) -> String { listing.name ?? String(listing.id.prefix(12)) }
}
