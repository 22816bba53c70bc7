/// How the reading of one artifact ended: the `status` of its row in a collection's manifest.
package enum ArtifactStatus: String, Sendable, CaseIterable {
    case ok
    /// A size cap was met; the row says how much there is of it.
    case truncated
    /// It changed while it was read.
    case changed
    /// Left out by intent; the row says why.
    case skipped
    case denied
    case timeout
    case vanished
}
