internal import EventModel

/// A rule as its file has it: the condition parsed, nothing compiled.
struct RuleDefinition: Sendable {
    let name: ScalarText
    let description: String
    let condition: Condition
    let conditionText: ScalarText
    let output: ScalarText
    let priority: Priority
    let tags: [String]
    let eventSource: String
    var isEnabled: Bool
    /// Number of the item among all items of all files.
    var place = 0
}
