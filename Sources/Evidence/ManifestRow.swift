private import EventModel

/// What kind of tar member an artifact is.
package enum MemberType: String, Sendable, CaseIterable {
    case file, directory, symlink, fifo, socket, char, block
    /// Nothing is stored.
    case none
}

/// One artifact's line in `manifest.jsonl`.
///
/// | key | |
/// |---|---|
/// | `path`, `source`, `link` | escaped (`EscapedName`) |
/// | `size` | bytes of the tar member, holes counted; null: there is no member |
/// | `source_size` | what stat said |
/// | `bytes_read` | of the source; holes are not read |
/// | `sha256` | of the member's content; null without content |
/// | `mtime`, `started`, `ended` | RFC 3339 |
/// | `link` | only of symbolic links (the target) and hard links (the member that holds the content) |
/// | `hash_of` | only as `data`: the member has more holes than are worth hashing (see `ContentHash`) |
package struct ManifestRow: Equatable, Sendable {
    package enum HashOf: String, Sendable {
        /// All bytes of the member, zeros for its holes: what sha256sum says of the extracted file.
        case content
        case data
    }

    package var path: [UInt8]
    package var source: [UInt8]
    package var kind: ArtifactKind
    package var type: MemberType
    package var status: ArtifactStatus
    package var reason: String?
    package var size: UInt64?
    package var sourceSize: UInt64?
    package var bytesRead: UInt64
    package var sha256: String?
    package var isRedacted = false
    package var modified: String?
    package var started: String
    package var ended: String
    package var link: [UInt8]?
    package var hashOf = HashOf.content

    /// A row of an artifact of which nothing is stored.
    init(_ artifact: Artifact, _ status: ArtifactStatus, _ reason: String?, type: MemberType = .none, started: UInt64) {
        path = artifact.member
        source = artifact.source
        kind = artifact.kind
        self.type = type
        self.status = status
        self.reason = reason
        bytesRead = 0
        self.started = Timestamp(started).rfc3339
        ended = self.started
    }

    package init(
        path: [UInt8], source: [UInt8], kind: ArtifactKind, type: MemberType, status: ArtifactStatus,
        bytesRead: UInt64, started: String, ended: String
    ) {
        self.path = path
        self.source = source
        self.kind = kind
        self.type = type
        self.status = status
        self.bytesRead = bytesRead
        self.started = started
        self.ended = ended
    }

    /// The line without its newline.
    package var json: [UInt8] {
        var text = JSONText()
        text.raw("{\"path\":")
        text.string(EscapedName.escape(path))
        text.raw(",\"source\":")
        text.string(EscapedName.escape(source))
        text.raw(",\"kind\":")
        text.string(kind.rawValue)
        text.raw(",\"type\":")
        text.string(type.rawValue)
        text.raw(",\"status\":")
        text.string(status.rawValue)
        text.raw(",\"reason\":")
        text.optional(reason)
        text.raw(",\"size\":")
        text.optional(size)
        text.raw(",\"source_size\":")
        text.optional(sourceSize)
        text.raw(",\"bytes_read\":")
        text.optional(bytesRead)
        text.raw(",\"sha256\":")
        text.optional(sha256)
        text.raw(",\"redacted\":")
        text.boolean(isRedacted)
        text.raw(",\"mtime\":")
        text.optional(modified)
        text.raw(",\"started\":")
        text.string(started)
        text.raw(",\"ended\":")
        text.string(ended)
        if let link {
            text.raw(",\"link\":")
            text.string(EscapedName.escape(link))
        }
        if hashOf == .data { text.raw(",\"hash_of\":\"data\"") }
        text.raw("}")
        return text.bytes
    }
}

extension JSONText {
    mutating func optional(_ text: String?) {
        if let text { string(text) } else { raw("null") }
    }

    mutating func optional(_ number: UInt64?) {
        if let number { self.number(Int64(clamping: number)) } else { raw("null") }
    }
}

/// The manifest's first line.
package struct ManifestHeader: Equatable, Sendable {
    package static let version = 1
    package var version: Int
    package var program: String
    /// When the collection began, RFC 3339.
    package var started: String

    package init(version: Int = Self.version, program: String, started: String) {
        self.version = version
        self.program = program
        self.started = started
    }

    package var json: [UInt8] {
        var text = JSONText()
        text.raw("{\"manifest\":")
        text.number(Int64(version))
        text.raw(",\"program\":")
        text.string(program)
        text.raw(",\"started\":")
        text.string(started)
        text.raw("}")
        return text.bytes
    }
}

/// The manifest's last line: a manifest without it was cut.
package struct ManifestEnd: Equatable, Sendable {
    package var rows: UInt64
    package var byStatus: [ArtifactStatus: UInt64]
    /// False: a limit ended the collection early.
    package var isComplete: Bool
    package var stopReason: String?

    package init(rows: UInt64, byStatus: [ArtifactStatus: UInt64], isComplete: Bool, stopReason: String?) {
        self.rows = rows
        self.byStatus = byStatus
        self.isComplete = isComplete
        self.stopReason = stopReason
    }

    package var json: [UInt8] {
        var text = JSONText()
        text.raw("{\"rows\":")
        text.optional(rows)
        text.raw(",\"by_status\":")
        text.list("{", ArtifactStatus.allCases.filter { byStatus[$0, default: 0] > 0 }, "}") { text, status in
            text.string(status.rawValue)
            text.raw(":")
            text.optional(byStatus[status, default: 0])
        }
        text.raw(",\"complete\":")
        text.boolean(isComplete)
        text.raw(",\"stopped\":")
        text.optional(stopReason)
        text.raw("}")
        return text.bytes
    }
}
