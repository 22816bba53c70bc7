package import EventModel

/// A rule that was loaded.
package struct Rule: Sendable {
    package let name: String
    package let description: String
    package let priority: Priority
    package let tags: [String]
    /// Falco's event source; ours is `syscall`.
    package let eventSource: String
    package internal(set) var isEnabled: Bool
    package let file: String
    package let position: SourcePosition
    /// The event types at which the condition can be true, as far as they are events of ours.
    package let eventTypes: Set<EventType>
    /// What the condition asks for and no source here has.
    package let lacks: RuleLacks

    /// First node of its condition.
    let root: Int
    /// The line of its name with a caret.
    let excerpt: String
    let output: OutputTemplate
    /// Fields that the configuration adds to its alerts.
    let extraFields: [(name: String, output: OutputTemplate)]
}
