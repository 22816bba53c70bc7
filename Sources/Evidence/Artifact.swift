/// What an artifact is about: the `kind` of its row.
package enum ArtifactKind: String, Sendable, CaseIterable {
    /// Of the collection itself: `collection.json`.
    case collection
    case event, process, network, cgroup, configuration, layer, log, host
}

/// One thing that is collected.
package struct Artifact: Sendable {
    /// Its name in the tar: relative, without an empty, `.` or `..` component; raw bytes, since a container chooses file
    /// names.
    package var member: [UInt8]
    /// Where it was read, for people: `/proc/4711/environ`, `sock_diag`; raw bytes, escaped when printed.
    package var source: [UInt8]
    package var kind: ArtifactKind

    package init(member: [UInt8], source: [UInt8], kind: ArtifactKind) {
        self.member = member
        self.source = source
        self.kind = kind
    }

    package init(_ member: String, source: String, kind: ArtifactKind) {
        self.init(member: Array(member.utf8), source: Array(source.utf8), kind: kind)
    }

    /// What lies at `path` below it, in the tar and at its source; itself for the empty path.
    func below(_ path: [UInt8]) -> Artifact {
        guard !path.isEmpty else { return self }
        let separator = [UInt8(ascii: "/")]
        return Artifact(member: member + separator + path, source: source + separator + path, kind: kind)
    }

    /// Whether `member` can stand in a tar that people extract: it never leads out of the directory it is extracted in, and
    /// a tar header and the manifest can hold it.
    var hasSafeMember: Bool {
        guard !member.isEmpty, member.count <= Self.longestMember, member != Self.manifest, !member.contains(0) else {
            return false
        }
        return member.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { component in
            !component.isEmpty && !component.elementsEqual(".".utf8) && !component.elementsEqual("..".utf8)
        }
    }

    /// Readers of tar refuse extended headers above 1 MiB (libarchive, read_body_to_string).
    static let longestMember = 64 << 10
    /// The last member. No artifact may have its name.
    static let manifest = Array("manifest.jsonl".utf8)
}
