/// Why a pattern is not taken.
package struct PatternError: Error, Equatable, Sendable {
    /// Bytes into the pattern.
    package let offset: Int
    package let message: String
}
