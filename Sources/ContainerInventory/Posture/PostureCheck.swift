package import EventModel

package enum PostureSeverity: String, Sendable, CaseIterable, Comparable {
    case info, low, medium, high, critical

    package static func < (one: PostureSeverity, other: PostureSeverity) -> Bool {
        (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
    }
}

/// One thing that is looked at, the same for each container, or once for the host.
package struct PostureCheck: Sendable {
    /// Stable, for allowlists and SARIF: `host-pid`.
    package var id: String
    /// What holds when the check passes.
    package var title: String
    /// Section of the CIS Docker Benchmark 1.3.1; nil for what is not in it.
    package var cis: String?
    package var severity: PostureSeverity
    /// MITRE ATT&CK: what the weakness lets happen.
    package var technique: String
    /// What to do about it.
    package var remedy: String
}

/// What a check found.
package enum PostureOutcome: Sendable, Equatable {
    case passed
    /// With what it rests on.
    case failed(String)
    /// It cannot be told here, and why.
    case unknown(String)
}

package enum PostureStatus: String, Sendable, CaseIterable {
    case pass = "PASS"
    /// Broken, of low or medium severity.
    case warn = "WARN"
    /// Broken, of high or critical severity.
    case fail = "FAIL"
    /// Not to be told, allowed, or of severity `info`.
    case info = "INFO"
}

package struct PostureFinding: Sendable {
    package var check: PostureCheck
    package var status: PostureStatus
    /// The check's, or `info` where it passed, could not be told or is allowed.
    package var severity: PostureSeverity
    package var detail: String
    /// Nil for the host.
    package var container: Container?
    /// The entry that allows it.
    package var allowance: AllowlistEntry?

    init(
        _ check: PostureCheck, _ outcome: PostureOutcome, container: Container? = nil, allowance: AllowlistEntry? = nil
    ) {
        self.check = check
        self.container = container
        switch outcome {
        case .passed:
            (status, severity, detail) = (.pass, .info, "")
        case .unknown(let why):
            (status, severity, detail) = (.info, .info, why)
        case .failed(let why):
            detail = why
            if let allowance {
                self.allowance = allowance
                (status, severity) = (.info, .info)
                return
            }
            severity = check.severity
            status = severity >= .high ? .fail : severity >= .low ? .warn : .info
        }
    }
}

/// Everything that was found, and what it comes to.
package struct PostureReport: Sendable {
    package var findings: [PostureFinding]
    /// Containers that were looked at.
    package var containers: [Container]

    package init(findings: [PostureFinding], containers: [Container]) {
        self.findings = findings
        self.containers = containers
    }

    package func count(_ status: PostureStatus) -> Int { findings.count { $0.status == status } }

    /// Of the checks that could be told, the share that passed: 0 to 100, rounded down. 100 where there is nothing.
    package var score: Int {
        let told = count(.pass) + count(.warn) + count(.fail)
        return told == 0 ? 100 : count(.pass) * 100 / told
    }

    /// Of what is broken and not allowed.
    package var worst: PostureSeverity? {
        findings.compactMap { $0.status == .warn || $0.status == .fail ? $0.severity : nil }.max()
    }
}
