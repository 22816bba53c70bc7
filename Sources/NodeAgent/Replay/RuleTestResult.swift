import Detection
import EventModel
import LinuxSystem
import Reporting

/// What came of one case.
struct RuleTestResult {
    /// Expected, and none like it came.
    var missing: [RuleTestFile.Expectation] = []
    /// Came, and was not expected.
    var unexpected: [Alert] = []
    /// Lines of the recordings that are no record.
    var malformed: UInt64 = 0

    var isPassed: Bool { missing.isEmpty && unexpected.isEmpty && malformed == 0 }

    /// - Throws: when a recording cannot be read.
    init(_ testCase: RuleTestFile.Case, _ rules: RuleSet) throws(SystemError) {
        var came: [Alert] = []
        let replay = Replay(rules: rules, outputs: Replay.Outputs(alert: { alert, _ in came.append(alert) }))
        for log in testCase.logs { try replay.read(log) }
        replay.end()
        malformed = replay.malformed.count
        // Who says more chooses first: what one with few fields would take may be the only one for another.
        for expected in testCase.alerts.sorted(by: { $0.fields.count > $1.fields.count }) {
            if let index = came.firstIndex(where: expected.matches) {
                came.remove(at: index)
            } else {
                missing.append(expected)
            }
        }
        unexpected = came
    }

    /// For a person, a line each: what was expected and what came.
    var lines: [String] {
        var lines: [String] = []
        if malformed > 0 { lines.append("\(malformed) line(s) of the recordings are no record") }
        for expected in missing { lines.append("expected: \(expected)") }
        for alert in unexpected {
            let text = String(decoding: alert.line(.text, hostname: "", colored: false).dropLast(), as: UTF8.self)
            lines.append("came:     \(alert.rule) | \(text)")
        }
        return lines.map(EscapedText.escaped)
    }
}

extension RuleTestFile.Expectation: CustomStringConvertible {
    /// The count of repeats is an alert of its own: only who asks for it means it.
    func matches(_ alert: Alert) -> Bool {
        guard alert.rule == rule, priority == nil || alert.priority == priority else { return false }
        guard alert.repeats == nil || fields.contains(where: { $0.name == Self.repeats }) else { return false }
        return fields.allSatisfy { name, value in
            if name == Self.repeats { return alert.repeats.map(String.init) == value }
            guard let field = alert.fields.first(where: { $0.name == name }) else { return false }
            return field.value.text == value
        }
    }

    private static let repeats = "alert.repeats"

    var description: String {
        let values = fields.map { "\($0.name)=\($0.value ?? "<NA>")" }
        return ([rule, priority.map { "priority=\($0.name)" }].compactMap(\.self) + values).joined(separator: " ")
    }
}

extension AlertValue {
    /// As a test file has it; nil where nothing is known.
    fileprivate var text: String? {
        switch self {
        case .missing: nil
        case .number(let number): String(number)
        case .boolean(let boolean): String(boolean)
        case .text(let text): text
        case .list(let texts): texts.joined(separator: ",")
        }
    }
}
