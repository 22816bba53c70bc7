/// Falco's priorities, most severe first.
package enum Priority: Int, Sendable, CaseIterable, Comparable {
    case emergency, alert, critical, error, warning, notice, informational, debug

    /// As Falco prints it.
    package var name: String {
        switch self {
        case .emergency: "Emergency"
        case .alert: "Alert"
        case .critical: "Critical"
        case .error: "Error"
        case .warning: "Warning"
        case .notice: "Notice"
        case .informational: "Informational"
        case .debug: "Debug"
        }
    }

    /// Any case; `INFO` stands for informational, as in Falco.
    package init?(name: some StringProtocol) {
        let lower = name.lowercased()
        if lower == "info" {
            self = .informational
            return
        }
        guard let priority = Self.allCases.first(where: { $0.name.lowercased() == lower }) else { return nil }
        self = priority
    }

    /// `a < b`: a is the less severe.
    package static func < (left: Priority, right: Priority) -> Bool { left.rawValue > right.rawValue }
}

/// The value of one output field.
package enum AlertValue: Sendable, Equatable {
    case missing
    case number(Int64)
    case boolean(Bool)
    case text(String)
    case list([String])
}

/// A rule that matched: what is printed, written, sent. Falco's JSON keys are made from it (see Reporting).
package struct Alert: Sendable {
    /// Nanoseconds since the epoch: the event's own time, the kernel's.
    package var time: UInt64
    package var rule: String
    package var priority: Priority
    /// Falco's event source, `syscall` for ours; `internal` for what the agent says about itself.
    package var source: String
    /// The rule's output with every field filled in.
    package var output: String
    /// Every field of the output, and those that each alert carries.
    package var fields: [(name: String, value: AlertValue)]
    package var tags: [String]
    /// By which `nodeagent explain` finds it; nil for what the agent says about itself.
    package var id: String?
    /// Of a count that is told at the end of a window (`RepeatFilter`): how often the alert came again after it was told.
    package var repeats: UInt64?

    package init(
        time: UInt64, rule: String, priority: Priority, source: String, output: String,
        fields: [(name: String, value: AlertValue)], tags: [String]
    ) {
        self.time = time
        self.rule = rule
        self.priority = priority
        self.source = source
        self.output = output
        self.fields = fields
        self.tags = tags
    }
}
