private import LinuxSystem

/// What a look through a collection's archive found. Nothing is extracted.
package struct EvidenceVerification: Sendable {
    package var path: String
    /// SHA-256 of the archive file, to compare with what `collect` printed.
    package var sha256 = ""
    package var archiveBytes: UInt64 = 0
    /// The manifest's first line.
    package var header: ManifestHeader?
    /// Members besides the manifest.
    package var members: UInt64 = 0
    package var rows: UInt64 = 0
    package var byStatus: [ArtifactStatus: UInt64] = [:]
    /// The manifest's last line. `isComplete` false is what the collection says of itself, no finding.
    package var end: ManifestEnd?
    /// At most `mostFindings`, in the archive's order.
    package private(set) var findings: [EvidenceFinding] = []
    package private(set) var findingCount = 0

    package static let mostFindings = 1000
    /// Bytes of a member's name in a finding.
    private static let longestName = 4096

    /// Everything is there and as the manifest says.
    package var isIntact: Bool { findingCount == 0 }

    init(path: String) { self.path = path }

    mutating func find(_ kind: EvidenceFinding.Kind, _ member: [UInt8]? = nil, _ text: String) {
        findingCount += 1
        if findings.count < Self.mostFindings {
            findings.append(
                EvidenceFinding(kind: kind, member: member.map { Array($0.prefix(Self.longestName)) }, text: text))
        }
    }

    /// Reads the archive at `path` from end to end, hashes each member and compares it with its row.
    ///
    /// - Throws: only if the file cannot be opened; whatever is wrong with an archive is a finding.
    package static func verify(path: String) throws(EvidenceError) -> EvidenceVerification {
        let tar: TarReader
        do {
            tar = try TarReader(path)
        } catch {
            throw EvidenceError(.input, "\(path) cannot be read (\(error.errno)); name the archive of a collection.")
        }
        var check = ArchiveCheck(path: path)
        return check.run(tar)
    }
}

/// One thing that is not as it should be.
package struct EvidenceFinding: Equatable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// No tar compressed with zstd.
        case notAnArchive
        /// It ends early, or cannot be read on from some place.
        case damaged
        /// More than is compared.
        case tooLarge
        case manifestMissing
        case manifestNotLast
        /// Without its last line, or with other numbers than it has rows.
        case manifestIncomplete
        case badRow
        case memberWithoutRow
        /// Two members of one name.
        case memberTwice
        case rowWithoutMember
        case typeDiffers
        case sizeDiffers
        case hashDiffers
        case linkDiffers
    }

    package var kind: Kind
    package var member: [UInt8]?
    package var text: String

    package var description: String { member.map { "\(EscapedName.escape($0)): \(text)" } ?? text }
}
