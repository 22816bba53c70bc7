import EventModel
import LinuxSystem

extension Alert {
    /// What the agent says about itself: source `internal`, as in Falco.
    static func `internal`(_ rule: String, _ output: String, priority: Priority = .warning) -> Alert {
        Alert(
            time: realtimeNanoseconds(), rule: rule, priority: priority, source: "internal",
            output: "\(rule): \(output)",
            fields: [(name: "evt.source", value: .text("internal"))], tags: [])
    }
}
