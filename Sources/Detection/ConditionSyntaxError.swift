/// Where a condition leaves the grammar.
package struct ConditionSyntaxError: Error, Equatable, Sendable {
    /// Bytes into the condition's text.
    package let offset: Int
    package let message: String
}
