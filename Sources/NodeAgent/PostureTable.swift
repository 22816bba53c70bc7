import ContainerInventory
import EventModel

/// The posture for a person: one block for each container, then the host, then the totals.
enum PostureTable {
    static func text(_ report: PostureReport, all: Bool) -> String {
        var text = ""
        for container in report.containers {
            let own = report.findings.filter { $0.container?.id == container.id }
            text += heading(container) + "\n" + lines(own, all: all) + "\n"
        }
        text += "host\n" + lines(report.findings.filter { $0.container == nil }, all: all) + "\n"
        let counts = PostureStatus.allCases.map { "\(report.count($0)) \($0.rawValue)" }.joined(separator: ", ")
        text += "\(report.containers.count) containers: \(counts); score \(report.score) of 100\n"
        return text
    }

    private static func heading(_ container: Container) -> String {
        var parts = ["\(container.name ?? container.id.short) (\(container.id.short))", container.runtime.rawValue]
        if let image = container.image { parts.append(image) }
        if let pod = container.pod { parts.append("pod \(container.podNamespace.map { "\($0)/" } ?? "")\(pod)") }
        if container.isSandbox { parts.append("sandbox") }
        parts.append(container.privileges?.verdict?.rawValue ?? "verdict unknown")
        if let level = container.privileges?.podSecurity { parts.append("pod security \(level.rawValue)") }
        return printable(parts.joined(separator: ", "))
    }

    /// What is broken first; what passed and what cannot be told only when asked for.
    private static func lines(_ findings: [PostureFinding], all: Bool) -> String {
        let wanted = findings.filter { all || $0.status == .warn || $0.status == .fail || $0.allowance != nil }
        guard !wanted.isEmpty else { return "  nothing to tell\n" }
        let sorted = wanted.enumerated().sorted {
            ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset)
        }
        return sorted.map { line($0.element) }.joined()
    }

    private static func line(_ finding: PostureFinding) -> String {
        let check = finding.check
        let severity = finding.status == .warn || finding.status == .fail ? finding.severity.rawValue : ""
        var text = "  \(padded(finding.status.rawValue, 5))\(padded(severity, 9))\(padded(check.id, 27))"
        if let entry = finding.allowance {
            text += "allowed: \(entry.reason)"
            if let owner = entry.owner { text += " (\(owner))" }
            if let expires = entry.expires { text += ", until \(expires)" }
            text += "; \(finding.detail)"
        } else {
            text += finding.detail.isEmpty ? check.title : finding.detail
        }
        var lines = printable(text) + "\n"
        if finding.status == .warn || finding.status == .fail {
            lines += String(repeating: " ", count: 43) + check.remedy + references(check) + "\n"
        }
        return lines
    }

    private static func references(_ check: PostureCheck) -> String {
        " [\(check.technique)\(check.cis.map { ", CIS Docker \($0)" } ?? "")]"
    }

    static func checks(_ checks: [PostureCheck]) -> String {
        checks.map { check in
            "\(padded(check.id, 27))\(padded(check.severity.rawValue, 9))\(check.title)\(references(check))\n"
        }.joined()
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
