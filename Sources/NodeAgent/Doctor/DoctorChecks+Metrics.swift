/// The metrics endpoint, as somebody who scrapes it meets it.
struct MetricsFacts: Sendable {
    enum Answer: Sendable, Equatable {
        /// Nobody listens.
        case refused
        /// Somebody listens and says nothing that is HTTP.
        case silent
        case answered(status: Int, body: String)
    }

    var isEnabled = true
    /// `127.0.0.1:9749`
    var address = ""
    /// The agent takes a free port: which, is told at its start only.
    var isAnyPort = false
    /// Only this host reaches it.
    var isLoopback = true
    var hasAgent = false
    /// Of `/readyz`.
    var answer = Answer.refused
}

extension DoctorChecks {
    static func metrics(_ facts: MetricsFacts) -> DoctorCheck {
        let id = "metrics"
        guard facts.isEnabled else { return .info(id, "not served (metrics.enabled: false)") }
        guard !facts.isAnyPort else {
            return .info(id, "at a free port of \(facts.address) (metrics.port: 0), which the agent tells at its start")
        }
        guard facts.hasAgent else {
            return facts.answer == .refused
                ? .pass(id, "\(facts.address) is free")
                : .warn(id, "another program listens at \(facts.address)", remedy: "metrics.port")
        }
        switch facts.answer {
        case .refused:
            return .fail(
                id, "nobody listens at \(facts.address)", remedy: "journalctl -u nodeagent; is metrics.port free?")
        case .silent:
            return .fail(id, "\(facts.address) does not answer", remedy: "systemctl restart nodeagent")
        case .answered(200, _) where facts.isLoopback:
            return .pass(id, "http://\(facts.address)/readyz says ready")
        case .answered(200, _):
            return .warn(
                id, "ready, at \(facts.address): whoever reaches it reads which rules and sources this host has",
                remedy: "metrics.address: 127.0.0.1")
        case .answered(503, let body):
            let reasons = body.split(separator: "\n").map(String.init)
            return .fail(
                id, "the agent is not ready: \(listed(reasons))",
                remedy: "see the other checks; journalctl -u nodeagent")
        case .answered(let status, _):
            return .fail(id, "\(facts.address) answers \(status): another program?", remedy: "metrics.port")
        }
    }
}
