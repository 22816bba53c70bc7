import Detection
import EventModel
import FoundationEssentials

/// What the checks found, as it is printed.
struct DoctorReport {
    var checks: [DoctorCheck]

    /// Whether there is something to do.
    var status: ExitStatus {
        checks.contains { $0.state == .warn || $0.state == .fail } ? .findings : .done
    }

    func json() throws -> Data { try JSONEncoder.printed.encode(checks) }

    /// A line for each check, the remedy below it, and the totals.
    func table(colored: Bool) -> String {
        let width = (checks.map(\.id.count).max() ?? 0) + 2
        var text = ""
        for check in checks {
            let state = colored ? "\u{1b}[\(check.state.color)m\(check.state.rawValue)\u{1b}[0m" : check.state.rawValue
            let id = check.id + String(repeating: " ", count: width - check.id.count)
            text += "\(state)  \(id)\(EscapedText.escaped(check.finding))\n"
            if let remedy = check.remedy {
                text += String(repeating: " ", count: width + 6) + EscapedText.escaped(remedy) + "\n"
            }
        }
        let counts = [(DoctorCheck.State.pass, "passed"), (.warn, "warnings"), (.fail, "failures")]
            .map { state, word in "\(checks.count { $0.state == state }) \(word)" }
        return text + "\n" + counts.joined(separator: ", ") + "\n"
    }
}

extension DoctorCheck.State {
    /// SGR code of the state on a terminal.
    fileprivate var color: String {
        switch self {
        case .pass: "32"
        case .warn: "33"
        case .fail: "1;31"
        case .info: "2"
        }
    }
}
