internal import EventModel

/// A rule as its files have it, nothing parsed or compiled.
struct RuleDefinition: Sendable {
    let name: ScalarText
    var description: SourcedText
    var condition: SourcedText
    var output: SourcedText
    var priority: Priority
    var tags: [String]
    var exceptions: [ExceptionDefinition]
    let eventSource: String
    var isEnabled: Bool
    /// `skip-if-unknown-filter`: a field that is not known is no error, the rule is left out.
    var toleratesUnknownFields: Bool
    /// `warn_evttypes`: whether a rule that is asked at every event is worth a warning.
    var warnsOfEventTypes: Bool
}

/// What a later item changes of a rule: `override`, or the older `append: true`.
struct RuleUpdate: Sendable {
    enum Operation: String, Sendable {
        case append, replace
    }

    let name: ScalarText
    /// Nil where the item names none.
    let eventSource: String?
    var description: (Operation, ScalarText)?
    var condition: (Operation, ScalarText)?
    var output: (Operation, ScalarText)?
    var tags: (Operation, [String])?
    var exceptions: (Operation, [ExceptionUpdate])?
    var priority: Priority?
    var isEnabled: Bool?
    var toleratesUnknownFields: Bool?
    var warnsOfEventTypes: Bool?
}

/// One of the exceptions of an item that changes a rule: without `fields` its values go to the rule's own of that name.
struct ExceptionUpdate: Sendable {
    let name: ScalarText
    let fields: ExceptionDefinition.Entry?
    let comparisons: ExceptionDefinition.Entry?
    let values: [ExceptionDefinition.Entry]
}
