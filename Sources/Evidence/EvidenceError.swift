/// Why there is no archive: only the output can fail a collection, an artifact never does.
package struct EvidenceError: Error, Equatable, CustomStringConvertible {
    package enum Reason: Sendable {
        /// The final name or a partial file is there.
        case exists
        /// Too little space for it.
        case noSpace
        /// The output cannot be made, written, synced or renamed.
        case output
        /// The file to verify cannot be read at all.
        case input
    }

    package let reason: Reason
    /// One or two sentences for people: what failed and what to do.
    package let description: String

    package init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}
