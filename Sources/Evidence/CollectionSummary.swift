/// What a finished collection consists of.
package struct CollectionSummary: Equatable, Sendable {
    /// The archive's path, as the output was asked for.
    package var path: String
    /// Size of the archive file.
    package var archiveBytes: UInt64
    /// SHA-256 of the archive file, 64 hex digits.
    package var sha256: String
    /// Rows of artifacts in the manifest.
    package var rows: UInt64
    package var byStatus: [ArtifactStatus: UInt64]
    /// The limit that ended the collection early; nil: none did.
    package var stopReason: String?

    package var isComplete: Bool { stopReason == nil }
}
