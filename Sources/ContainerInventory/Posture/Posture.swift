package import EventModel

/// How containers and the host stand, by the checks.
package struct Posture {
    private let reader: ContainerReader
    private let allowlist: Allowlist
    private let today: String

    /// - Parameter today: `2026-11-27`, UTC.
    package init(reader: ContainerReader, allowlist: Allowlist, today: String) {
        self.reader = reader
        self.allowlist = allowlist
        self.today = today
    }

    /// The ids of all checks, for what names one.
    package static var checkIDs: Set<String> {
        Set(ContainerCheck.all.map(\.check.id) + HostCheck.all.map(\.check.id) + [expired.id])
    }

    /// Every check, the host's last, each once: for SARIF.
    package static var checks: [PostureCheck] {
        ContainerCheck.all.map(\.check) + HostCheck.all.map(\.check) + [expired]
    }

    private static let expired = PostureCheck(
        id: "allowlist-expired", title: "No entry of the allowlist has expired", severity: .medium, technique: "T1562",
        remedy: "Look at the container again; give the entry a new date, or take it out.")

    /// - Parameter containers: those that run; sandboxes hold a pod's namespaces and are looked at as well.
    package func report(_ containers: [Container]) -> PostureReport {
        let sorted = containers.sorted { ($0.name ?? "", $0.id.rawValue) < ($1.name ?? "", $1.id.rawValue) }
        let host = reader.hostView
        var findings = sorted.flatMap { self.findings(of: subject($0)) }
        findings += HostCheck.all.map { check in PostureFinding(check.check, check.run(host)) }
        findings += expirations
        return PostureReport(findings: findings, containers: sorted)
    }

    private func subject(_ container: Container) -> ContainerSubject {
        ContainerSubject(
            container: container, facts: container.privileges?.facts ?? PrivilegeFacts(),
            deviations: reader.deviations(in: container), commands: reader.commands(in: container))
    }

    func findings(of subject: ContainerSubject) -> [PostureFinding] {
        ContainerCheck.all.map { check in
            let outcome = check.run(subject)
            return PostureFinding(
                check.check, outcome, container: subject.container,
                allowance: allowlist.entry(for: check.check.id, of: subject.container, today: today))
        }
    }

    private var expirations: [PostureFinding] {
        let expired = allowlist.entries.filter { $0.hasExpired(today: today) }
        guard !expired.isEmpty else { return [PostureFinding(Self.expired, .passed)] }
        return expired.map { entry in
            PostureFinding(
                Self.expired,
                .failed(
                    "\(entry.place): \(entry.image), until \(entry.expires ?? ""), owner \(entry.owner ?? "not named")")
            )
        }
    }
}
