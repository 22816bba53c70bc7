/// What a rule asks for and no source here has: of each list nothing comes, whatever happens.
package struct RuleLacks: Sendable, Equatable {
    /// Falco's event types that its condition names, in the order of their names.
    package var eventTypes: [String] = []
    /// Fields of its condition, in the order of the catalog.
    package var conditionFields: [FieldID] = []
    /// Fields of its output, in its order.
    package var outputFields: [FieldID] = []
    /// Why it can never match; nil where it can.
    package var neverMatches: String?
}
