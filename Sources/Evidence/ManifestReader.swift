private import FoundationEssentials

/// One line of `manifest.jsonl`, read. The file may come from anywhere: every line is hostile.
package enum ManifestLine: Equatable, Sendable {
    case header(ManifestHeader)
    case row(ManifestRow)
    case end(ManifestEnd)

    /// The longest line that is read. A row with the longest names is a tenth of it.
    package static let longest = 4 << 20

    /// Nil: not a line of a manifest of this version.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.longest, let line = try? JSONDecoder().decode(Line.self, from: Data(bytes)) else {
            return nil
        }
        if let row = line.row {
            self = .row(row)
        } else if let version = line.manifest {
            self = .header(
                ManifestHeader(version: version, program: line.program ?? "", started: line.started ?? ""))
        } else if let end = line.end {
            self = .end(end)
        } else {
            return nil
        }
    }
}

/// The keys of all three kinds of line.
private struct Line: Decodable {
    var manifest: Int?
    var program: String?
    var path: String?
    var source: String?
    var kind: String?
    var type: String?
    var status: String?
    var reason: String?
    var size: UInt64?
    var source_size: UInt64?
    var bytes_read: UInt64?
    var sha256: String?
    var redacted: Bool?
    var mtime: String?
    var started: String?
    var ended: String?
    var link: String?
    var hash_of: String?
    var rows: UInt64?
    var by_status: [String: UInt64]?
    var complete: Bool?
    var stopped: String?

    var row: ManifestRow? {
        guard let path = path.flatMap(EscapedName.unescape), let source = source.flatMap(EscapedName.unescape),
            let kind = kind.flatMap(ArtifactKind.init), let type = type.flatMap(MemberType.init),
            let status = status.flatMap(ArtifactStatus.init), let bytes_read, let redacted, let started, let ended
        else { return nil }
        var row = ManifestRow(
            path: path, source: source, kind: kind, type: type, status: status, bytesRead: bytes_read,
            started: started, ended: ended)
        row.reason = reason
        row.size = size
        row.sourceSize = source_size
        row.sha256 = sha256
        row.isRedacted = redacted
        row.modified = mtime
        if let link {
            guard let bytes = EscapedName.unescape(link) else { return nil }
            row.link = bytes
        }
        if let hash_of {
            guard let hashOf = ManifestRow.HashOf(rawValue: hash_of) else { return nil }
            row.hashOf = hashOf
        }
        return row
    }

    var end: ManifestEnd? {
        guard let rows, let by_status, let complete else { return nil }
        var counts: [ArtifactStatus: UInt64] = [:]
        for (name, count) in by_status {
            guard let status = ArtifactStatus(rawValue: name) else { return nil }
            counts[status] = count
        }
        return ManifestEnd(rows: rows, byStatus: counts, isComplete: complete, stopReason: stopped)
    }
}
